#include "app/import_input.h"

#include <filesystem>
#include <map>
#include <utility>

#include "app/output.h"
#include "core/error.h"
#include "core/units.h"
#include "db/row_filter.h"
#include "imports/logged_run.h"
#include "io/json.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

std::optional<double> quantity_flag(const std::string& text, const char* flag) {
  if (text.empty()) return std::nullopt;
  const double value = parse_quantity(text, flag);
  if (!(value > 0)) throw usage_error(std::string(flag) + ": " + text + " must be above 0");
  return value;
}

ImportOptions import_options(const ImportInputFlags& flags) {
  ImportOptions options;
  options.format = flags.format;
  if (!flags.map.empty()) options.map = parse_column_map(flags.map);
  if (!flags.convention.empty()) {
    options.convention = parse_flop_convention(flags.convention);
    options.convention_named = true;
  }
  options.params = quantity_flag(flags.params, "--params");
  options.batch_tokens = quantity_flag(flags.batch_tokens, "--batch-tokens");
  options.context = quantity_flag(flags.context, "--context");
  options.label = flags.label;
  return options;
}

void apply_where(RunImport& read, const std::string& condition) {
  if (condition.empty()) return;
  const std::size_t before = read.runs.size();
  read.runs = runs_where(std::move(read.runs), condition);
  read.notes.push_back("--where \"" + condition + "\" keeps " + std::to_string(read.runs.size()) +
                       " of " + std::to_string(before) + " runs");
}

void require_runs(const RunImport& read, const std::string& path, const ImportInputFlags& flags) {
  if (!read.runs.empty()) return;
  std::string why = flags.where.empty() ? "" : " that --where keeps";
  if (!read.dropped.empty()) {
    why += " (" + std::to_string(read.dropped.size()) + " left out; the first, line " +
           std::to_string(read.dropped.front().line) + ": " + read.dropped.front().why + ")";
  }
  throw usage_error(path + ": has no run" + why + ": see what is read with --dry-run");
}

std::string cell_text(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  return value.dump();
}

}  // namespace

std::string default_study(const std::string& file) {
  const fs::path path = fs::absolute(file).lexically_normal();
  if (!fs::is_directory(path)) return run_name_of(path.string());
  return path.filename().empty() ? path.parent_path().filename().string()
                                 : path.filename().string();
}

TextTable provenance_table(const std::vector<const ImportedRun*>& runs) {
  TextTable table;
  std::map<std::string, std::size_t> place;
  std::vector<std::vector<std::pair<std::size_t, std::string>>> cells(runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Json row = Json::parse(runs[i]->provenance, nullptr, false);
    if (!row.is_object()) continue;
    for (const auto& [key, value] : row.items()) {
      const auto [found, is_new] = place.emplace(key, table.columns.size());
      if (is_new) table.columns.push_back(key);
      cells[i].emplace_back(found->second, cell_text(value));
    }
  }
  for (auto& row : cells) {
    table.rows.emplace_back(table.columns.size());
    for (auto& [column, text] : row) table.rows.back()[column] = std::move(text);
  }
  return table;
}

std::vector<ImportedRun> runs_where(std::vector<ImportedRun> runs, const std::string& condition) {
  std::vector<const ImportedRun*> all;
  std::vector<FilterAlias> aliases;
  const auto add = [&](const char* letter, const char* word, auto&& text) {
    for (const char* name : {letter, word}) {
      if (name == nullptr) continue;
      aliases.push_back({.name = name, .cells = {}});
      for (const ImportedRun& run : runs) aliases.back().cells.push_back(text(run.observation));
    }
  };
  add("N", "params", [](const Observation& o) { return exact_number(o.params); });
  add("D", "tokens", [](const Observation& o) { return exact_number(o.tokens); });
  add("C", "flops", [](const Observation& o) { return exact_number(o.flops); });
  add("L", "loss", [](const Observation& o) { return exact_number(o.loss); });
  add(nullptr, "trial", [](const Observation& o) { return o.trial; });
  add(nullptr, "run", [](const Observation& o) { return o.run; });
  for (const ImportedRun& run : runs) all.push_back(&run);
  const TextTable table = provenance_table(all);
  std::vector<ImportedRun> kept;
  for (const std::size_t i : rows_where(table.columns, table.rows, condition, aliases)) {
    kept.push_back(std::move(runs[i]));
  }
  return kept;
}

std::vector<RunImport> read_imports(const ImportInputFlags& flags) {
  const ImportOptions options = import_options(flags);
  if (flags.files.size() > 1 && !flags.label.empty()) {
    throw usage_error("--label " + flags.label + ": names the run of one file, and there are " +
                      std::to_string(flags.files.size()) +
                      ": leave it out, the files' names will do");
  }
  std::vector<RunImport> imports;
  for (const std::string& path : flags.files) {
    RunImport read = import_path(path, options);
    read.path = fs::absolute(path).lexically_normal().string();
    apply_where(read, flags.where);
    require_runs(read, path, flags);
    imports.push_back(std::move(read));
  }
  return imports;
}

}  // namespace isoflop
