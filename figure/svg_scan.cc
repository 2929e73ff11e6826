#include "figure/svg_scan.h"

#include <charconv>
#include <map>
#include <string_view>

#include "core/error.h"

namespace isoflop {
namespace {

// A start tag: its name and attributes, as they are written.
struct Tag {
  std::string_view name;
  std::map<std::string_view, std::string_view> attributes;

  std::string_view operator[](std::string_view key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? std::string_view() : found->second;
  }
};

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// The numbers in a text, whatever stands between them.
std::vector<double> numbers_in(std::string_view text) {
  std::vector<double> out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    double value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error == std::errc()) out.push_back(value);
    at = error == std::errc() ? next : at + 1;
  }
  return out;
}

double number_or(std::string_view text, double otherwise) {
  const std::vector<double> found = numbers_in(text);
  return found.empty() ? otherwise : found[0];
}

// "rgb(  0,   1,   2)" and "#000102" as 0x000102; anything else is 0.
int colour_number(std::string_view text) {
  if (text.size() == 7 && text[0] == '#') {
    int value = 0;
    std::from_chars(text.data() + 1, text.data() + 7, value, 16);
    return value;
  }
  if (text.substr(0, 4) != "rgb(") return 0;
  const std::vector<double> parts = numbers_in(text);
  if (parts.size() != 3) return 0;
  return static_cast<int>(parts[0]) << 16 | static_cast<int>(parts[1]) << 8 |
         static_cast<int>(parts[2]);
}

std::vector<Polyline> path_lines(std::string_view d) {
  std::vector<Polyline> lines;
  std::size_t at = 0;
  while (at < d.size()) {
    const char command = d[at++];
    const std::size_t end = std::min(d.find_first_of("MLZz", at), d.size());
    if (command == 'Z' || command == 'z') {
      if (!lines.empty()) lines.back().closed = true;
    }
    if (command != 'M' && command != 'L') continue;
    const std::vector<double> pair = numbers_in(d.substr(at, end - at));
    if (pair.size() < 2) continue;
    if (command == 'M' || lines.empty()) lines.emplace_back();
    lines.back().points.push_back({pair[0], pair[1]});
    at = end;
  }
  std::erase_if(lines, [](const Polyline& line) { return line.points.size() < 2; });
  return lines;
}

Polyline polygon_line(std::string_view points) {
  Polyline line{.closed = true};
  const std::vector<double> all = numbers_in(points);
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) line.points.push_back({all[i], all[i + 1]});
  return line;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<Shape> scan() {
    while (next_tag()) take(tag_);
    return std::move(shapes_);
  }

 private:
  // Reads the next start tag, passing over ends, comments and declarations.
  bool next_tag() {
    while (true) {
      at_ = text_.find('<', at_);
      if (at_ == std::string_view::npos) return false;
      ++at_;
      if (text_.substr(at_, 5) == "/defs") in_definitions_ = false;
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      if (c != '/' && c != '?' && c != '!') break;
    }
    std::size_t end = at_;
    while (end < text_.size() && !is_space(text_[end]) && text_[end] != '>' && text_[end] != '/') {
      ++end;
    }
    tag_ = {.name = text_.substr(at_, end - at_), .attributes = {}};
    at_ = end;
    while (read_attribute()) {
    }
    return true;
  }

  // name = 'value', with either quote; false at the tag's end.
  bool read_attribute() {
    while (at_ < text_.size() && (is_space(text_[at_]) || text_[at_] == '/')) ++at_;
    if (at_ >= text_.size() || text_[at_] == '>') return false;
    const std::size_t equals = text_.find('=', at_);
    const std::size_t open = text_.find_first_of("\"'", at_);
    if (equals == std::string_view::npos || open == std::string_view::npos || open < equals) {
      return false;
    }
    const std::size_t close = text_.find(text_[open], open + 1);
    if (close == std::string_view::npos) return false;
    std::string_view name = text_.substr(at_, equals - at_);
    while (!name.empty() && is_space(name.back())) name.remove_suffix(1);
    tag_.attributes[name] = text_.substr(open + 1, close - open - 1);
    at_ = close + 1;
    return true;
  }

  void take(const Tag& tag) {
    if (tag.name == "defs") in_definitions_ = true;
    if (in_definitions_) return;
    if (tag.name == "g") return take_group(tag);
    if (tag.name == "path") return take_path(tag);
    if (tag.name == "polygon") return take_polygon(tag);
    if (tag.name == "use") return take_symbol(tag);
    if (tag.name == "text") take_text();
  }

  void take_group(const Tag& tag) {
    if (!tag["stroke-width"].empty()) stroke_width_ = number_or(tag["stroke-width"], 1);
    const std::string_view hypertext = tag["onmousemove"];
    if (!hypertext.empty()) hover_ = static_cast<int>(number_or(hypertext, -1));
    if (tag["font-size"].empty()) return;
    text_group_ = {.kind = ShapeKind::kText, .colour = colour_number(tag["fill"])};
    const std::string_view transform = tag["transform"];
    const std::vector<double> place = numbers_in(transform);
    if (place.size() >= 2) text_group_.at = {place[0], place[1]};
    const std::size_t turn = transform.find("rotate");
    if (turn != std::string_view::npos)
      text_group_.turned = " " + std::string(transform.substr(turn));
    text_group_.anchor = tag["text-anchor"];
    text_group_.font_size = number_or(tag["font-size"], 11);
  }

  void take_path(const Tag& tag) {
    Shape shape{.kind = ShapeKind::kStroke, .colour = colour_number(tag["stroke"])};
    shape.width = stroke_width_;
    shape.dash = tag["stroke-dasharray"];
    shape.lines = path_lines(tag["d"]);
    if (!shape.lines.empty()) shapes_.push_back(std::move(shape));
  }

  void take_polygon(const Tag& tag) {
    Shape shape{.kind = ShapeKind::kFill, .colour = colour_number(tag["fill"])};
    shape.opacity = number_or(tag["fill-opacity"], 1);
    shape.lines = {polygon_line(tag["points"])};
    if (shape.lines[0].points.size() >= 3) shapes_.push_back(std::move(shape));
  }

  void take_symbol(const Tag& tag) {
    Shape shape{.kind = ShapeKind::kSymbol, .colour = colour_number(tag["color"])};
    const std::string_view name = tag["xlink:href"].empty() ? tag["href"] : tag["xlink:href"];
    shape.symbol = static_cast<int>(number_or(name, 5));
    const std::vector<double> place = numbers_in(tag["transform"]);
    if (place.size() >= 2) shape.at = {place[0], place[1]};
    if (place.size() >= 3) shape.scale = place[2];
    shape.width = stroke_width_;
    shape.hover = hover_;
    hover_ = -1;
    shapes_.push_back(std::move(shape));
  }

  void take_text() {
    at_ = text_.find('>', at_);
    if (at_ == std::string_view::npos) return;
    const std::size_t end = text_.find('<', at_);
    Shape shape = text_group_;
    shape.text = text_.substr(at_ + 1, end == std::string_view::npos ? end : end - at_ - 1);
    if (!shape.text.empty()) shapes_.push_back(std::move(shape));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Tag tag_;
  bool in_definitions_ = false;
  double stroke_width_ = 1;
  int hover_ = -1;
  Shape text_group_;
  std::vector<Shape> shapes_;
};

}  // namespace

std::vector<Shape> scan_svg(const std::string& drawn) {
  if (drawn.find("<svg") == std::string::npos || drawn.find("</svg>") == std::string::npos) {
    throw failure("gnuplot: its drawing is not whole; try again");
  }
  return Scanner(drawn).scan();
}

}  // namespace isoflop
