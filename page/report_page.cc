#include "page/report_page.h"

#include "core/units.h"
#include "page/html.h"
#include "page/live_script.h"
#include "page/page_style.h"
#include "page/report_sections.h"

namespace isoflop {
namespace {

constexpr const char* kAnswerFigure = "answer";

std::string page_title(const ReportData& data) {
  const std::string what = data.title + ": scaling-law report";
  if (!data.plan) return what;
  return "N* " + format_quantity(data.plan->params.value) + ", D* " +
         format_quantity(data.plan->tokens.value) + " - " + what;
}

// The policy says what the page is: no script, nothing from the network. A server says its own.
std::string head(const ReportData& data, const PageOptions& options) {
  return "<head>\n<meta charset=\"utf-8\">\n" +
         std::string(options.live ? ""
                                  : "<meta http-equiv=\"Content-Security-Policy\" content=\""
                                    "default-src 'none'; style-src 'unsafe-inline'; img-src "
                                    "data:\">\n") +
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n"
         "<meta name=\"generator\" content=\"isoflop " +
         escaped(data.version) + "\">\n<link rel=\"icon\" href=\"data:,\">\n" +
         tagged("title", page_title(data)) + "<style>\n" + page_style() + "</style>\n</head>\n";
}

std::string page_header(const ReportData& data, const PageOptions& options) {
  return "<header>\n<h1>" + escaped(data.title) + ": scaling-law report</h1>\n<p class=\"meta\">" +
         escaped(data.source) + "; " + moment_text(data.now) +
         (options.live ? "; <span id=\"live-state\" role=\"status\">live</span>" : "") +
         "</p>\n</header>\n";
}

std::string contents(const std::vector<DrawnFigure>& figures) {
  std::string out =
      "<nav id=\"contents\" aria-labelledby=\"contents-title\">\n"
      "<h2 id=\"contents-title\">Contents</h2>\n<ol>\n";
  const auto entry = [&](const std::string& id, const std::string& title, bool empty) {
    out += "<li><a href=\"#" + id + "\">" + escaped(title) + "</a>" + (empty ? " (no data)" : "") +
           "</li>\n";
  };
  for (const DrawnFigure& drawn : figures) {
    if (drawn.figure.name == kAnswerFigure) continue;
    entry(escaped(drawn.figure.name), drawn.figure.title, drawn.figure.empty());
  }
  entry("checklist", "What a scaling law must report", false);
  entry("origin", "How this was made", false);
  return out + "</ol>\n</nav>\n";
}

std::string main_part(const ReportData& data, const std::vector<DrawnFigure>& figures) {
  const DrawnFigure* answer = nullptr;
  std::string sections;
  for (const DrawnFigure& drawn : figures) {
    if (drawn.figure.name == kAnswerFigure) {
      answer = &drawn;
    } else {
      sections += figure_section(data, drawn);
    }
  }
  return "<main id=\"main\">\n" + answer_section(data, answer) + contents(figures) + sections +
         checklist_section(data) + origin_section(data) + "</main>\n";
}

}  // namespace

std::string report_html(const ReportData& data, const std::vector<DrawnFigure>& figures,
                        const PageOptions& options) {
  // What changes a live page is the moment when it was made.
  const std::string version =
      options.live ? " data-version=\"" + exact_number(data.now) + "\"" : std::string();
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"" + version + ">\n" + head(data, options) +
                    "<body>\n<a class=\"skip\" href=\"#main\">Skip to the answer</a>\n" +
                    page_header(data, options) + main_part(data, figures) + "<footer>isoflop " +
                    escaped(data.version) + "</footer>\n";
  if (options.live) out += "<script>" + std::string(live_script()) + "</script>\n";
  return out + "</body>\n</html>\n";
}

}  // namespace isoflop
