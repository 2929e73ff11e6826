#include "app/study_table.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "app/import_input.h"
#include "app/imported_runs.h"
#include "app/study.h"
#include "core/schedule.h"
#include "core/units.h"

namespace isoflop {
namespace {

std::string small_letters(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// Puts tables below each other, columns joined by their names, whatever their case: SQL knows none.
class JoinedTable {
 public:
  // Where `table`'s columns are in the joined one.
  std::vector<std::size_t> places(const std::vector<std::string>& columns) {
    std::vector<std::size_t> places;
    for (const std::string& column : columns) {
      const auto [found, is_new] = place_.emplace(small_letters(column), table_.columns.size());
      if (is_new) table_.columns.push_back(column);
      places.push_back(found->second);
    }
    return places;
  }

  void add_rows(const TextTable& table) {
    const std::vector<std::size_t> at = places(table.columns);
    for (const auto& row : table.rows) {
      auto& joined = table_.rows.emplace_back(table_.columns.size());
      for (std::size_t c = 0; c < row.size(); ++c) joined[at[c]] = row[c];
    }
  }

  TextTable take() {
    for (auto& row : table_.rows) row.resize(table_.columns.size());
    return std::move(table_);
  }

 private:
  std::map<std::string, std::size_t> place_;
  TextTable table_;
};

bool is_ours(const std::vector<std::string>& columns, const std::string& name) {
  for (const char* letter : {"n", "d", "c", "l"}) {
    if (name == letter) return true;  // N, D, C and L mean the same in every row
  }
  return std::any_of(columns.begin(), columns.end(),
                     [&](const std::string& column) { return small_letters(column) == name; });
}

// Our columns of the imported runs, then those of the sources that have other names.
TextTable runs_with_provenance(std::span<const RunImport> imports) {
  TextTable table = imported_table(imports);
  std::vector<const ImportedRun*> runs;
  for (const RunImport& import : imports) {
    for (const ImportedRun& run : import.runs) runs.push_back(&run);
  }
  const TextTable own = provenance_table(runs);
  for (std::size_t c = 0; c < own.columns.size(); ++c) {
    if (is_ours(table.columns, small_letters(own.columns[c]))) continue;
    table.columns.push_back(own.columns[c]);
    for (std::size_t r = 0; r < runs.size(); ++r) table.rows[r].push_back(own.rows[r][c]);
  }
  return table;
}

struct FourNumbers {
  std::vector<std::string> params, tokens, flops, losses;
};

std::string extra_text(const Observation& run, const char* name) {
  const auto found = run.extra.find(name);
  return found == run.extra.end() ? "" : exact_number(found->second);
}

// What trials differ in beside their size, under names that no column has yet.
void add_kinds(const std::vector<TrialRow>& trials, std::span<const Observation> results,
               StudyTable& out) {
  const auto add = [&](const char* name, const auto& of_trial) {
    if (is_ours(out.table.columns, name)) return;
    FilterAlias alias{.name = name, .cells = {}};
    for (const TrialRow& row : trials) {
      alias.cells.push_back(row.trial.trainer == "tabular" ? "" : of_trial(row.trial));
    }
    for (const Observation& run : results) alias.cells.push_back(extra_text(run, name));
    out.aliases.push_back(std::move(alias));
  };
  const auto of_masked = [](const Trial& trial, const std::string& value) {
    return trial.model.masked() ? value : std::string();
  };
  add("experts", [](const Trial& t) { return std::to_string(t.model.experts); });
  add("granularity", [](const Trial& t) { return std::to_string(t.model.granularity); });
  add("objective", [](const Trial& t) { return get_key(t, "model.objective"); });
  add("mask_fraction",
      [&](const Trial& t) { return of_masked(t, exact_number(t.model.mask_fraction)); });
  add("mask_replaced",
      [&](const Trial& t) { return of_masked(t, exact_number(t.train.mask_replaced)); });
  add("mask_random",
      [&](const Trial& t) { return of_masked(t, exact_number(t.train.mask_random)); });
  add("whole_words", [&](const Trial& t) { return of_masked(t, t.train.whole_words ? "1" : "0"); });
  add("next_sentence",
      [&](const Trial& t) { return of_masked(t, t.model.next_sentence ? "1" : "0"); });
}

}  // namespace

StudyTable study_table(const std::vector<TrialRow>& trials, std::span<const RunImport> imports,
                       std::span<const Observation> results, FlopConvention convention) {
  StudyTable out;
  JoinedTable joined;
  FourNumbers of;
  // An imported study's own columns stand alone: no empty columns of trials beside them.
  if (!trials.empty()) joined.add_rows(trial_table(trials));
  for (const TrialRow& row : trials) {
    of.params.push_back(exact_number(row.params));
    of.tokens.push_back(exact_number(row.tokens));
    of.flops.push_back(exact_number(total_flops(row.trial, convention)));
    of.losses.push_back(row.loss ? exact_number(*row.loss) : "");
    out.numbers.push_back(row.ordinal);
  }
  joined.add_rows(runs_with_provenance(imports));
  for (const Observation& run : results) {
    of.params.push_back(exact_number(run.params));
    of.tokens.push_back(exact_number(run.tokens));
    of.flops.push_back(exact_number(run.flops));
    of.losses.push_back(exact_number(run.loss));
    out.numbers.push_back(run.row);
  }
  out.table = joined.take();
  out.aliases = {
      {"N", of.params}, {"D", of.tokens}, {"C", of.flops}, {"L", of.losses}, {"flops", of.flops}};
  add_kinds(trials, results, out);
  out.imported = !results.empty();
  return out;
}

}  // namespace isoflop
