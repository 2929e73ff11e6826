// isoflop sweep export
#include <CLI/CLI.hpp>
#include <memory>

#include "app/output.h"
#include "app/study.h"
#include "app/sweep_verbs.h"
#include "core/units.h"

namespace isoflop {
namespace {

struct ExportFlags : StoreFlags {
  bool curves = false;
  OutputFormat format;
};

TextTable curve_table(const Store& store, const std::vector<TrialRow>& rows) {
  TextTable table{{"trial", "step", "tokens", "flops_exact", "train_loss", "heldout_loss", "rate",
                   "grad_norm", "seconds"},
                  {}};
  for (const TrialRow& row : rows) {
    for (const CurvePoint& point : store.curve(row.id)) {
      table.rows.push_back(
          {row.identity.substr(0, 12), std::to_string(point.step), exact_number(point.tokens),
           exact_number(point.flops), exact_number(point.train_loss),
           point.heldout_loss ? exact_number(*point.heldout_loss) : "", exact_number(point.rate),
           exact_number(point.grad_norm), exact_number(point.seconds)});
    }
  }
  return table;
}

void export_tables(const ExportFlags& flags) {
  const Store store(flags.db, StoreMode::kReadOnly);
  const auto rows = store.trials(choose_study(store, flags.study));
  if (flags.curves) return print(table_text(curve_table(store, rows), flags.format));
  const bool machine = flags.format.json || flags.format.csv;
  print(table_text(machine ? trial_table(rows) : short_trial_table(rows), flags.format));
}

}  // namespace

void add_sweep_export(CLI::App* sweep) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* command = sweep->add_subcommand(
      "export", "The study's trials as a table, at full precision with --csv or --json");
  add_store_flags(command, *flags);
  command->footer(
      "  isoflop sweep export --db runs.db\n  isoflop sweep export --csv > trials.csv\n"
      "  isoflop sweep export --curves --csv > curves.csv");
  command->add_flag("--curves", flags->curves, "Training curves instead of trials");
  add_format_flags(command, flags->format);
  command->callback([flags] { export_tables(*flags); });
}

}  // namespace isoflop
