// isoflop sweep export
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "app/imported_runs.h"
#include "app/output.h"
#include "app/study.h"
#include "app/sweep_verbs.h"
#include "app/tensorboard_export.h"
#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

struct ExportFlags : StoreFlags {
  bool curves = false;
  bool imports = false;
  std::string tensorboard;  // folder; empty: none
  OutputFormat format;
};

TextTable curve_table(const Store& store, const std::vector<TrialRow>& rows) {
  TextTable table{{"trial", "step", "tokens", "flops_exact", "train_loss", "heldout_loss", "rate",
                   "grad_norm", "seconds"},
                  {}};
  for (const auto& field : kRouterStatsFields) {
    table.columns.push_back(std::string("router_") + field.name);
  }
  for (const TrialRow& row : rows) {
    for (const CurvePoint& point : store.curve(row.id)) {
      table.rows.push_back(
          {row.identity.substr(0, 12), std::to_string(point.step), exact_number(point.tokens),
           exact_number(point.flops), exact_number(point.train_loss),
           point.heldout_loss ? exact_number(*point.heldout_loss) : "", exact_number(point.rate),
           exact_number(point.grad_norm), exact_number(point.seconds)});
      for (const auto& field : kRouterStatsFields) {
        const bool sparse = point.router.has_value();
        table.rows.back().push_back(sparse ? exact_number((*point.router).*field.value) : "");
      }
    }
  }
  return table;
}

// What laws of experts ask for, under the names by which a fit finds them; of dense models E = 1.
void add_experts(const Store& store, const std::string& study, const std::vector<TrialRow>& rows,
                 TextTable& table) {
  const bool sparse = std::any_of(rows.begin(), rows.end(),
                                  [](const TrialRow& row) { return row.trial.model.sparse(); });
  if (!sparse) return;
  std::map<std::int64_t, Observation> results;
  for (Observation& run : store.trial_results(study, FlopConvention::k6nd)) {
    results.emplace(run.row, std::move(run));
  }
  for (const char* name : {"experts", "granularity", "sparsity"}) {
    table.columns.emplace_back(name);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto run = results.find(rows[i].ordinal);
      const bool said = run != results.end() && run->second.extra.contains(name);
      table.rows[i].push_back(said ? exact_number(run->second.extra.at(name)) : "");
    }
  }
}

void export_imports(const ExportFlags& flags, const Store& store, const std::string& study) {
  const std::vector<RunImport> imports = store.imported(study, true);
  if (flags.curves) return print(table_text(imported_curve_table(imports), flags.format));
  const bool machine = flags.format.json || flags.format.csv || flags.format.jsonl;
  print(
      table_text(machine ? imported_table(imports) : short_imported_table(imports), flags.format));
}

void export_tensorboard(const ExportFlags& flags, const Store& store, const std::string& study) {
  const auto rows = store.trials(study);
  const bool imported = flags.imports || rows.empty();
  const std::int64_t written =
      imported ? write_tensorboard(store.imported(study, true), flags.tensorboard)
               : write_tensorboard(store, study, rows, flags.tensorboard);
  if (written == 0) {
    throw refusal("no_curves", "export: study \"" + study +
                                   "\" has no curves yet: run it with isoflop sweep run");
  }
  print(std::to_string(written) + (written == 1 ? " run in " : " runs in ") + flags.tensorboard +
        "\n");
  say("next: tensorboard --logdir " + flags.tensorboard);
}

void export_tables(const ExportFlags& flags) {
  const Store store(flags.db, StoreMode::kReadOnly);
  const std::string study = choose_study(store, flags.study);
  if (!flags.tensorboard.empty()) return export_tensorboard(flags, store, study);
  const auto rows = store.trials(study);
  const bool has_imports = !store.imports(study).empty();
  if (flags.imports || (rows.empty() && has_imports)) return export_imports(flags, store, study);
  if (has_imports) say("note: the study's imported runs are a table of their own: --imports");
  if (flags.curves) return print(table_text(curve_table(store, rows), flags.format));
  const bool machine = flags.format.json || flags.format.csv || flags.format.jsonl;
  if (!machine) return print(table_text(short_trial_table(rows), flags.format));
  TextTable table = trial_table(rows);
  add_experts(store, study, rows, table);
  print(table_text(table, flags.format));
}

}  // namespace

void add_sweep_export(CLI::App* sweep) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* command = sweep->add_subcommand(
      "export", "The study's trials as a table, at full precision with --csv or --json");
  add_store_flags(command, *flags);
  command->footer(
      "  isoflop sweep export --db runs.db\n  isoflop sweep export --csv > trials.csv\n"
      "  isoflop sweep export --curves --csv > curves.csv\n"
      "  isoflop sweep export --imports --csv > imported.csv\n"
      "  isoflop sweep export --tensorboard board");
  command->add_flag("--curves", flags->curves, "Training curves instead of trials");
  command->add_flag("--imports", flags->imports,
                    "The study's imported runs instead of trials, or their curves with --curves; "
                    "without the flag where it has nothing else");
  command->add_option("--tensorboard", flags->tensorboard,
                      "Write the curves as TensorBoard's event files below this folder, a folder "
                      "a run, in the place of what was written there before");
  add_table_flags(command, flags->format);
  command->callback([flags] { export_tables(*flags); });
}

}  // namespace isoflop
