#include "figure/draw.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "figure/gnuplot.h"
#include "figure/script.h"
#include "figure/svg.h"

namespace isoflop {
namespace {

void refuse_empty(const Figure& figure) {
  if (!figure.empty()) return;
  throw usage_error(
      "figure " + figure.name + ": has nothing to draw: " +
      (figure.why_empty.empty() ? "it has no panels; name another figure" : figure.why_empty));
}

// An id: letters, digits, - and _.
std::string id_of(const std::string& name) {
  std::string id = "fig-";
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
    id += plain ? c : '-';
  }
  return id;
}

std::string draw_svg(const Figure& figure, const DrawSize& size, bool page) {
  refuse_empty(figure);
  const Layout layout = lay_out(figure, size);
  const Script script = gnuplot_script(layout, DrawTarget::kSvg);
  return rewrite_svg(run_gnuplot(script.text), script,
                     {.width = layout.width,
                      .height = layout.height,
                      .name = id_of(figure.name),
                      .title = figure.title,
                      .alt = figure.alt,
                      .page = page});
}

std::string draw_other(const Figure& figure, const DrawSize& size, DrawTarget target) {
  refuse_empty(figure);
  const Layout layout = lay_out(figure, size);
  return run_gnuplot(gnuplot_script(layout, target).text);
}

std::string drawn_as(const Figure& figure, const std::string& path, const DrawSize& size) {
  if (path.ends_with(".svg")) return draw_svg(figure, size, false);
  if (path.ends_with(".pdf")) return draw_other(figure, size, DrawTarget::kPdf);
  if (path.ends_with(".png")) return draw_other(figure, size, DrawTarget::kPng);
  throw usage_error("figure " + figure.name + ": " + path +
                    ": is no file type that figures have; end it in .svg, .pdf or .png");
}

}  // namespace

std::string inline_svg(const Figure& figure, const DrawSize& size) {
  return draw_svg(figure, size, true);
}

std::vector<std::string> inline_svgs(const std::vector<Figure>& figures) {
  std::vector<std::string> drawn(figures.size());
  std::atomic<std::size_t> next{0};
  std::exception_ptr first_failure;
  std::mutex guard;
  const auto work = [&] {
    for (std::size_t i = next++; i < figures.size(); i = next++) {
      if (figures[i].empty()) continue;
      try {
        drawn[i] = inline_svg(figures[i]);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(guard);
        if (!first_failure) first_failure = std::current_exception();
        next = figures.size();
      }
    }
  };
  std::vector<std::jthread> threads;
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  for (std::size_t t = 1; t < std::min(cores, figures.size()); ++t) threads.emplace_back(work);
  work();
  threads.clear();
  if (first_failure) std::rethrow_exception(first_failure);
  return drawn;
}

void draw_file(const Figure& figure, const std::string& path, const DrawSize& size) {
  const std::string drawn = drawn_as(figure, path, size);
  std::ofstream out(path, std::ios::binary);
  out << drawn << std::flush;
  if (!out)
    throw failure("figure " + figure.name + ": " + path +
                  ": cannot be written; check the folder and its free space");
}

}  // namespace isoflop
