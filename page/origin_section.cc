#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include "core/units.h"
#include "page/checklist.h"
#include "page/html.h"
#include "page/report_sections.h"

namespace isoflop {
namespace {

std::string fact(const std::string& what, const std::string& value) {
  if (value.empty()) return "";
  return "<dt>" + escaped(what) + "</dt><dd>" + escaped(value) + "</dd>\n";
}

std::string code_fact(const std::string& what, const std::string& value) {
  if (value.empty()) return "";
  return "<dt>" + escaped(what) + "</dt><dd><code>" + escaped(value) + "</code></dd>\n";
}

// To the last digit, so that nobody has to type a rounded law.
std::string law_digits(const LawFit& fit) {
  if (!fit.has_law()) return "";
  TextTable table{{"parameter", "value"}, {}};
  if (fit.form) {
    for (std::size_t i = 0; i < fit.form->names.size(); ++i) {
      table.rows.push_back({fit.form->names[i], exact_number(fit.form->values[i])});
    }
  } else {
    const LawParameters& p = fit.parameters;
    table.rows = {{"E", exact_number(p.E)},
                  {"A", exact_number(p.A)},
                  {"B", exact_number(p.B)},
                  {"alpha", exact_number(p.alpha)},
                  {"beta", exact_number(p.beta)}};
  }
  return html_table(table, "The law \"" + fit.law + "\" to its last digit", "origin-law");
}

std::string fit_facts(const LawFit& fit) {
  std::string out = fact("FLOP counted as", fit.flops.convention()) +
                    code_fact("SHA-256 of the observations", fit.data_sha256) +
                    fact("rows taken", fit.where);
  for (const Exclusion& e : fit.exclusions) {
    out += fact("left out", e.rows + ", because: " + e.because);
  }
  for (const std::string& held : fit.constraints) out += fact("held", held);
  return out + fact("fit made by isoflop", fit.version);
}

std::string import_table(const std::vector<ImportRow>& imports) {
  if (imports.empty()) return "";
  TextTable table{{"file", "format", "runs", "dropped", "with a derived field", "FLOP", "loss in",
                   "sha256", "notes"},
                  {}};
  for (const ImportRow& row : imports) {
    std::string notes;
    for (const std::string& note : row.notes) notes += (notes.empty() ? "" : "; ") + note;
    table.rows.push_back({row.path, row.format, std::to_string(row.runs),
                          std::to_string(row.dropped), std::to_string(row.derived), row.convention,
                          row.loss_unit, row.sha256.substr(0, 12), notes});
  }
  return html_table(table, "Runs that other tools have trained", "origin-imports");
}

std::string group_rows(const std::string& group, const std::string& items) {
  return "<tbody>\n<tr><th scope=\"rowgroup\" colspan=\"2\">" + escaped(group) + "</th></tr>\n" +
         items + "</tbody>\n";
}

}  // namespace

std::string moment_text(double unix_seconds) {
  using namespace std::chrono;
  const sys_seconds moment{seconds(static_cast<std::int64_t>(unix_seconds))};
  const auto day = floor<days>(moment);
  const year_month_day date(day);
  const hh_mm_ss time(moment - day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d UTC", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()));
  return text;
}

std::string checklist_section(const ReportData& data) {
  const auto items = reporting_checklist(data);
  std::string rows, group, bodies;
  int missing = 0;
  for (const ChecklistItem& item : items) {
    if (item.group != group && !rows.empty()) bodies += group_rows(group, std::exchange(rows, ""));
    group = item.group;
    missing += item.answer.empty() ? 1 : 0;
    rows +=
        "<tr><th scope=\"row\">" + escaped(item.question) + "</th><td>" +
        (item.answer.empty() ? "<span class=\"none\">not reported</span>" : escaped(item.answer)) +
        "</td></tr>\n";
  }
  bodies += group_rows(group, rows);
  return "<section id=\"checklist\" aria-labelledby=\"checklist-title\">\n"
         "<h2 id=\"checklist-title\">What a scaling law must report</h2>\n<p>" +
         std::to_string(items.size() - static_cast<std::size_t>(missing)) + " of " +
         std::to_string(items.size()) +
         " questions of the checklist of Li, Kudugunta and Zettlemoyer 2025 "
         "(arXiv:2502.18969) are answered by what was recorded.</p>\n"
         "<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
         "aria-labelledby=\"checklist-table\">\n"
         "<table>\n<caption id=\"checklist-table\">The reporting checklist</caption>\n<thead><tr>"
         "<th scope=\"col\">question</th><th scope=\"col\">answer</th></tr></thead>\n" +
         bodies + "</table>\n</div>\n</section>\n";
}

std::string origin_section(const ReportData& data) {
  std::string out =
      "<section id=\"origin\" aria-labelledby=\"origin-title\">\n"
      "<h2 id=\"origin-title\">How this was made</h2>\n<dl class=\"facts\">\n" +
      code_fact("command", data.command) + fact("isoflop", data.version) +
      fact("runs", data.source) + fact("made", moment_text(data.now));
  if (data.fit) out += fit_facts(*data.fit);
  out += "</dl>\n";
  if (data.fit) out += law_digits(*data.fit);
  if (data.sweep) out += import_table(data.sweep->imports);
  return out + "</section>\n";
}

}  // namespace isoflop
