#include "figure/svg.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <utility>

#include "figure/palette.h"
#include "figure/svg_scan.h"
#include "figure/text_size.h"

namespace isoflop {
namespace {

// Vertices nearer than this to the line without them are left out, in CSS pixels.
constexpr double kUnseen = 0.2;
constexpr std::size_t kManyPoints = 300;
constexpr int kDisc = 6;  // gnuplot's symbol

std::string tenth(double value) {
  std::string out = fmt::format("{:.1f}", value);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out == "-0" ? "0" : out;
}

std::string place(const SvgPoint& point) { return tenth(point.x) + ' ' + tenth(point.y); }

double distance_to(const SvgPoint& p, const SvgPoint& a, const SvgPoint& b) {
  const double dx = b.x - a.x;
  const double dy = b.y - a.y;
  const double length = dx * dx + dy * dy;
  const double t =
      length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

// Douglas and Peucker (1973).
std::vector<SvgPoint> simplified(const std::vector<SvgPoint>& points) {
  if (points.size() < 3) return points;
  std::vector<bool> kept(points.size(), false);
  kept.front() = kept.back() = true;
  std::vector<std::pair<std::size_t, std::size_t>> spans{{0, points.size() - 1}};
  while (!spans.empty()) {
    const auto [first, last] = spans.back();
    spans.pop_back();
    double farthest = kUnseen;
    std::size_t at = first;
    for (std::size_t i = first + 1; i < last; ++i) {
      const double distance = distance_to(points[i], points[first], points[last]);
      if (distance > farthest) {
        farthest = distance;
        at = i;
      }
    }
    if (at == first) continue;
    kept[at] = true;
    spans.push_back({first, at});
    spans.push_back({at, last});
  }
  std::vector<SvgPoint> out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (kept[i]) out.push_back(points[i]);
  }
  return out;
}

std::string path_data(const std::vector<Polyline>& lines) {
  std::string out;
  for (const Polyline& line : lines) {
    const std::vector<SvgPoint> points = simplified(line.points);
    out += 'M' + place(points[0]);
    for (std::size_t i = 1; i < points.size(); ++i) out += (i == 1 ? 'L' : ' ') + place(points[i]);
    if (line.closed) out += 'Z';
  }
  return out;
}

// gnuplot's symbols gpPt<n> with radius r about a point, in relative commands.
std::string symbol_data(int symbol, double r) {
  const auto n = [&](double factor) { return tenth(factor * r); };
  switch (symbol) {
    case 0:
      return fmt::format("m{0} 0h{1}m{0} {0}v{1}", n(-1), n(2));
    case 1:
      return fmt::format("m{0} {0}l{1} {1}m0 {2}l{2} {1}", n(-0.9), n(1.8), n(-1.8));
    case 3:
    case 4:
      return fmt::format("m{0} {0}h{1}v{1}h{2}z", n(-0.9), n(1.8), n(-1.8));
    case 7:
    case 8:
      return fmt::format("m0 {}l{} {}h{}z", n(-1.2), n(-1.15), n(1.95), n(2.3));
    case 9:
    case 10:
      return fmt::format("m0 {}l{} {}h{}z", n(1.2), n(-1.15), n(-1.95), n(2.3));
    case 11:
    case 12:
      return fmt::format("m0 {0}l{1} {1} {2} {1} {2} {2}z", n(-1.25), n(1.25), n(-1.25));
    case 13:
    case 14:
      return fmt::format("m0 {}l{} {} {} {}h{}l{} {}z", n(-1.15), n(1.1), n(0.8), n(-0.42), n(1.28),
                         n(-1.36), n(-0.42), n(-1.28));
    default:
      break;
  }
  return fmt::format("m{0} 0a{1} {1} 0 1 0 {2} 0a{1} {1} 0 1 0 {3} 0z", n(-1), n(1), n(2), n(-2));
}

bool is_circle(int symbol) { return symbol == 5 || symbol == kDisc; }
bool is_closed(int symbol) { return symbol >= 3; }
bool is_filled(int symbol) { return symbol >= 4 && symbol % 2 == 0; }

class SvgWriter {
 public:
  SvgWriter(const Script& script, const SvgFrame& frame) : script_(script), frame_(frame) {}

  std::string write(const std::vector<Shape>& shapes) {
    group(shapes);
    std::string out = opening();
    for (const auto& members : groups_) out += group_markup(members);
    return out + "</svg>\n";
  }

 private:
  using Members = std::vector<const Shape*>;

  const Element& element_of(const Shape& shape) const {
    static const Element unknown{.colour = "ink"};
    const auto k = static_cast<std::size_t>(shape.colour);
    return k >= 1 && k <= script_.elements.size() ? script_.elements[k - 1] : unknown;
  }

  // What is drawn alike goes into one group, where the first of it stands.
  void group(const std::vector<Shape>& shapes) {
    std::map<std::string, std::size_t> known;
    for (const Shape& shape : shapes) {
      const std::string look = fmt::format(
          "{}|{}|{}|{}|{}|{}|{}|{}", shape.colour, static_cast<int>(shape.kind), shape.width,
          shape.dash, shape.opacity, shape.symbol, shape.anchor, shape.font_size);
      const auto [at, fresh] = known.try_emplace(look, groups_.size());
      if (fresh) groups_.emplace_back();
      groups_[at->second].push_back(&shape);
    }
  }

  std::string paint(const Shape& shape) const {
    const std::string& name = element_of(shape).colour;
    if (name.empty()) return "none";
    const std::string& light = palette_colour(name).light;
    return frame_.page ? "var(--" + name + "," + light + ")" : light;
  }

  std::string paper() const { return frame_.page ? "var(--paper,#fff)" : "#fff"; }

  std::string opening() const {
    const std::string id = xml_escaped(frame_.name) + "-alt";
    std::string out = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\"",
                                  tenth(frame_.width), tenth(frame_.height));
    if (frame_.page) {
      out +=
          fmt::format(" width=\"100%\" style=\"max-width:{}px;height:auto\"", tenth(frame_.width));
    } else {
      out += fmt::format(" width=\"{}\" height=\"{}\" font-family=\"DejaVu Sans,sans-serif\"",
                         tenth(frame_.width), tenth(frame_.height));
    }
    out += " class=\"figure\" role=\"img\"";
    if (!frame_.title.empty()) out += " aria-label=\"" + xml_escaped(frame_.title) + "\"";
    if (!frame_.alt.empty()) {
      out += " aria-describedby=\"" + id + "\"><desc id=\"" + id + "\">" + xml_escaped(frame_.alt) +
             "</desc>\n";
    } else {
      out += ">\n";
    }
    if (!frame_.page) out += "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
    return out;
  }

  std::string title_of(const Shape& shape) const {
    const std::string& title = element_of(shape).title;
    return title.empty() ? "" : "<title>" + xml_escaped(title) + "</title>";
  }

  std::string group_markup(const Members& members) const {
    const Shape& first = *members.front();
    switch (first.kind) {
      case ShapeKind::kStroke:
        return strokes(members);
      case ShapeKind::kFill:
        return fills(members);
      case ShapeKind::kSymbol:
        return symbols(members);
      case ShapeKind::kText:
        break;
    }
    return texts(members);
  }

  // A path; within a group where it has a title.
  std::string path(const Shape& first, const std::string& look, const std::string& data) const {
    const std::string title = title_of(first);
    if (title.empty()) return "<path " + look + " d=\"" + data + "\"/>\n";
    return "<path " + look + " d=\"" + data + "\">" + title + "</path>\n";
  }

  std::string strokes(const Members& members) const {
    const Shape& first = *members.front();
    std::string look =
        fmt::format("fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"",
                    paint(first), tenth(first.width));
    if (!first.dash.empty()) look += " stroke-dasharray=\"" + first.dash + "\"";
    std::string data;
    for (const Shape* shape : members) data += path_data(shape->lines);
    return path(first, look, data);
  }

  std::string fills(const Members& members) const {
    const Shape& first = *members.front();
    std::string look = "fill=\"" + paint(first) + "\"";
    if (first.opacity < 1) look += fmt::format(" fill-opacity=\"{:.2g}\"", first.opacity);
    std::string data;
    for (const Shape* shape : members) data += path_data(shape->lines);
    return path(first, look, data);
  }

  std::string hover_of(const Shape& shape) const {
    const auto k = static_cast<std::size_t>(shape.hover);
    return shape.hover >= 0 && k < script_.hovers.size() ? script_.hovers[k] : "";
  }

  std::string symbol_look(const Shape& first) const {
    const std::string colour = paint(first);
    if (colour == "none") return "fill=\"none\" pointer-events=\"all\"";
    // A thin edge of the page's colour keeps points that overlap apart.
    if (is_filled(first.symbol)) {
      return fmt::format("fill=\"{}\" stroke=\"{}\" stroke-width=\".6\"", colour, paper());
    }
    return fmt::format("fill=\"{}\" stroke=\"{}\" stroke-width=\"1.4\"",
                       is_closed(first.symbol) ? paper() : "none", colour);
  }

  // Those with a title of their own are elements; the others share a path.
  std::string symbols(const Members& members) const {
    const Shape& first = *members.front();
    const double radius = std::max(first.scale, 0.5);
    const bool as_dots = members.size() > kManyPoints && first.symbol == kDisc;
    std::string single;
    std::string shared;
    for (const Shape* shape : members) {
      const std::string hover = hover_of(*shape);
      if (hover.empty()) {
        shared += 'M' + place(shape->at) + (as_dots ? "h0" : symbol_data(first.symbol, radius));
      } else {
        single += symbol_markup(*shape, radius, hover);
      }
    }
    if (!shared.empty() && paint(first) != "none")
      single = shared_path(first, radius, shared) + single;
    if (single.empty()) return "";
    return "<g " + symbol_look(first) + ">" + title_of(first) + single + "</g>\n";
  }

  // Discs by the thousand are the round ends of lines without length: a fifth of the bytes.
  std::string shared_path(const Shape& first, double radius, const std::string& data) const {
    if (data.find("h0") == std::string::npos) return "<path d=\"" + data + "\"/>";
    return fmt::format(
        "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" "
        "stroke-linecap=\"round\"/>",
        data, paint(first), tenth(2 * radius));
  }

  static std::string symbol_markup(const Shape& shape, double radius, const std::string& hover) {
    const std::string title = "><title>" + xml_escaped(hover) + "</title>";
    if (is_circle(shape.symbol)) {
      return fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}</circle>", tenth(shape.at.x),
                         tenth(shape.at.y), tenth(radius), title);
    }
    return "<path d=\"M" + place(shape.at) + symbol_data(shape.symbol, radius) + "\"" + title +
           "</path>";
  }

  std::string style_of(const Element& element) const {
    std::string style = element.bold ? " font-weight=\"600\"" : "";
    if (element.halo) {
      style += " stroke=\"" + paper() +
               "\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\"";
    }
    return style;
  }

  std::string texts(const Members& members) const {
    const Shape& first = *members.front();
    std::string out =
        fmt::format("<g fill=\"{}\" font-size=\"{}\" text-anchor=\"{}\"{}>\n", paint(first),
                    tenth(first.font_size), first.anchor.empty() ? "start" : first.anchor,
                    style_of(element_of(first)));
    for (const Shape* shape : members) {
      out += shape->turned.empty()
                 ? fmt::format("<text x=\"{}\" y=\"{}\">", tenth(shape->at.x), tenth(shape->at.y))
                 : fmt::format("<text transform=\"translate({}){}\">", place(shape->at),
                               shape->turned);
      out += shape->text + "</text>\n";
    }
    return out + "</g>\n";
  }

  const Script& script_;
  const SvgFrame& frame_;
  std::vector<Members> groups_;
};

}  // namespace

std::string xml_escaped(const std::string& text) {
  std::string out;
  for (const char c : one_line(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string rewrite_svg(const std::string& drawn, const Script& script, const SvgFrame& frame) {
  return SvgWriter(script, frame).write(scan_svg(drawn));
}

}  // namespace isoflop
