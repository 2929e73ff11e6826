#include "app/import_text.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <utility>

#include "app/imported_runs.h"
#include "core/loss_unit.h"
#include "core/units.h"
#include "imports/import_runs.h"

namespace isoflop {
namespace {

constexpr std::size_t kFirstImportedRuns = 5;
constexpr std::size_t kMostDropReasons = 10;

template <class Count>
std::string import_count(Count count, const std::string& word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

// Reasons with how often they stand there and the first line of each, most frequent first.
struct DropReason {
  std::string why;
  std::int64_t rows = 0;
  std::int64_t first_line = 0;
};

std::vector<DropReason> drop_reasons(const std::vector<DroppedRow>& dropped) {
  std::map<std::string, DropReason> by_why;
  for (const DroppedRow& row : dropped) {
    DropReason& reason = by_why[row.why];
    if (reason.rows++ == 0) reason.first_line = row.line;
    reason.why = row.why;
  }
  std::vector<DropReason> reasons;
  for (auto& [why, reason] : by_why) reasons.push_back(std::move(reason));
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const DropReason& a, const DropReason& b) { return a.rows > b.rows; });
  return reasons;
}

std::string dropped_text(const RunImport& import) {
  std::string text;
  const std::vector<DropReason> reasons = drop_reasons(import.dropped);
  for (std::size_t i = 0; i < std::min(reasons.size(), kMostDropReasons); ++i) {
    const DropReason& reason = reasons[i];
    text += "  left out: " + import_count(reason.rows, "row") + ": " + reason.why;
    if (reason.first_line > 0) {
      text += (reason.rows > 1 ? " (the first: line " : " (line ") +
              std::to_string(reason.first_line) + ")";
    }
    text += "\n";
  }
  if (reasons.size() > kMostDropReasons) {
    text += "  and for " + import_count(reasons.size() - kMostDropReasons, "more reason") +
            ": see --json\n";
  }
  return text;
}

std::map<std::string, std::int64_t> derivations(const RunImport& import) {
  std::map<std::string, std::int64_t> counts;
  for (const ImportedRun& run : import.runs) {
    if (!run.derived.empty()) ++counts[run.derived];
  }
  return counts;
}

std::string derived_text(const RunImport& import) {
  std::string text;
  for (const auto& [how, runs] : derivations(import)) {
    text += "  derived: " + how + ", " + import_count(runs, "run") + "\n";
  }
  return text;
}

std::string import_notes(const RunImport& import) {
  std::string text;
  for (const std::string& note : import.notes) text += "  note: " + note + "\n";
  return text;
}

std::string changed_text(const AddedImport& added) {
  std::string text;
  const auto add = [&](std::int64_t count, const char* word) {
    if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + word;
  };
  add(added.added, "new");
  add(added.replaced, "replaced");
  add(added.unchanged, "unchanged");
  add(added.kept, "kept from before that are not in it now");
  return text;
}

std::size_t runs_in(const std::vector<RunImport>& imports) {
  std::size_t runs = 0;
  for (const RunImport& import : imports) runs += import.runs.size();
  return runs;
}

std::size_t points_in(const RunImport& import) {
  std::size_t points = 0;
  for (const ImportedRun& run : import.runs) points += run.points.size();
  return points;
}

std::string kind_text(const RunImport& import) {
  return import.format + ", C by " + std::string(name_of(import.convention)) + ", losses in " +
         loss_unit_words(import.loss_unit);
}

RunImport first_runs(const RunImport& import) {
  RunImport first;
  first.path = import.path;
  first.format = import.format;
  first.convention = import.convention;
  first.loss_unit = import.loss_unit;
  const std::size_t count = std::min(import.runs.size(), kFirstImportedRuns);
  first.runs.assign(import.runs.begin(), import.runs.begin() + static_cast<std::ptrdiff_t>(count));
  return first;
}

std::string import_indented(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += "  " + text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

std::string preview_text(const RunImport& import) {
  TextTable fields{{"field", "column", "how"}, {}};
  for (const FieldSource& field : import.fields) {
    fields.rows.push_back({field.field, field.column, field.how});
  }
  std::string text = import.path + ": " + import_count(import.runs.size(), "run");
  if (const std::size_t points = points_in(import)) {
    text += " with " + import_count(points, "point") + " of curves";
  }
  text += ", format " + kind_text(import) + "\n";
  if (!fields.rows.empty()) text += import_indented(aligned_text(fields));
  text += dropped_text(import) + derived_text(import) + import_notes(import);
  const RunImport first = first_runs(import);
  text += import.runs.size() > kFirstImportedRuns ? "  the first runs:\n" : "  the runs:\n";
  return text + import_indented(aligned_text(short_imported_table(std::span(&first, 1))));
}

Json first_json(const RunImport& import) {
  Json rows = Json::array();
  for (const ImportedRun& run : first_runs(import).runs) {
    const Observation& o = run.observation;
    rows.push_back({{"run", o.trial.empty() ? run.source_id : o.trial},
                    {"params", o.params},
                    {"tokens", o.tokens},
                    {"flops", o.flops},
                    {"loss", o.loss},
                    {"points", run.points.size()},
                    {"line", run.line}});
  }
  return rows;
}

Json one_import_json(const RunImport& import) {
  Json json = {
      {"path", import.path},           {"format", import.format},
      {"sha256", import.sha256},       {"convention", std::string(name_of(import.convention))},
      {"loss_unit", import.loss_unit}, {"runs", import.runs.size()},
      {"points", points_in(import)},   {"fields", Json::array()},
      {"dropped", Json::array()},      {"derived", Json::object()},
      {"notes", import.notes},         {"first", first_json(import)}};
  for (const FieldSource& field : import.fields) {
    json["fields"].push_back(
        {{"field", field.field}, {"column", field.column}, {"how", field.how}});
  }
  for (const DroppedRow& row : import.dropped) {
    json["dropped"].push_back({{"line", row.line}, {"why", row.why}});
  }
  for (const auto& [how, runs] : derivations(import)) json["derived"][how] = runs;
  return json;
}

std::string import_moment(double seconds) {
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&whole, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
  return text;
}

}  // namespace

std::string import_text(const ImportAnswer& answer) {
  std::string text = "study \"" + answer.study +
                     "\": " + import_count(runs_in(answer.imports), "run") + " from " +
                     import_count(answer.imports.size(), "file") + "\n";
  for (std::size_t i = 0; i < answer.imports.size(); ++i) {
    const RunImport& import = answer.imports[i];
    text += import.path + ": " + changed_text(answer.added[i]) + " (import " +
            std::to_string(answer.added[i].id) + ", format " + kind_text(import) + ")\n" +
            dropped_text(import) + derived_text(import) + import_notes(import);
  }
  return text;
}

std::string dry_run_text(const ImportAnswer& answer) {
  std::string text = "would import " + import_count(runs_in(answer.imports), "run") + " from " +
                     import_count(answer.imports.size(), "file") + " into study \"" + answer.study +
                     "\" of " + answer.db + "; nothing is written\n";
  for (const RunImport& import : answer.imports) text += preview_text(import);
  return text;
}

Json import_json(const ImportAnswer& answer) {
  Json json = {{"db", answer.db},
               {"study", answer.study},
               {"dry_run", answer.added.empty()},
               {"imports", Json::array()}};
  for (std::size_t i = 0; i < answer.imports.size(); ++i) {
    Json one = one_import_json(answer.imports[i]);
    if (!answer.added.empty()) {
      const AddedImport& added = answer.added[i];
      one.update({{"id", added.id},
                  {"new", added.added},
                  {"replaced", added.replaced},
                  {"unchanged", added.unchanged},
                  {"kept", added.kept}});
    }
    json["imports"].push_back(std::move(one));
  }
  return json;
}

TextTable import_table(const ImportAnswer& answer) {
  TextTable table{{"id", "study", "path", "format", "runs", "new", "replaced", "unchanged", "kept",
                   "dropped", "derived", "convention", "loss_unit"},
                  {}};
  for (std::size_t i = 0; i < answer.imports.size(); ++i) {
    const RunImport& import = answer.imports[i];
    const AddedImport& added = answer.added[i];
    std::int64_t derived = 0;
    for (const auto& [how, runs] : derivations(import)) derived += runs;
    table.rows.push_back({std::to_string(added.id), answer.study, import.path, import.format,
                          std::to_string(import.runs.size()), std::to_string(added.added),
                          std::to_string(added.replaced), std::to_string(added.unchanged),
                          std::to_string(added.kept), std::to_string(import.dropped.size()),
                          std::to_string(derived), std::string(name_of(import.convention)),
                          import.loss_unit});
  }
  return table;
}

TextTable import_list_table(std::span<const ImportRow> rows, bool exact) {
  TextTable table{{"id", "study", "runs", "dropped", "derived", "format", "convention", "loss_unit",
                   "added", "path"},
                  {}};
  if (exact) table.columns.push_back("sha256");
  for (const ImportRow& row : rows) {
    table.rows.push_back({std::to_string(row.id), row.study, std::to_string(row.runs),
                          std::to_string(row.dropped), std::to_string(row.derived), row.format,
                          row.convention, row.loss_unit,
                          exact ? exact_number(row.added) : import_moment(row.added), row.path});
    if (exact) table.rows.back().push_back(row.sha256);
  }
  return table;
}

TextTable format_table() {
  TextTable table{{"format", "what it reads"}, {}};
  for (const ImportFormat& format : import_formats()) {
    table.rows.push_back({std::string(format.name), std::string(format.about)});
  }
  return table;
}

}  // namespace isoflop
