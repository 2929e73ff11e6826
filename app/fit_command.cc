// isoflop fit
#include <CLI/CLI.hpp>
#include <memory>

#include "app/commands.h"
#include "app/fit_flags.h"
#include "app/output.h"
#include "app/study.h"
#include "core/error.h"
#include "io/fit_json.h"
#include "io/observations_csv.h"
#include "report/fit_text.h"

namespace isoflop {
namespace {

struct FitCommandFlags {
  std::string db;
  std::string csv;
  std::string map;
  std::string study;
  std::string heldout = "heldout";
  std::string convention = "6nd";
  std::string out;
  FitFlags fit;
  bool json = false;
};

// C = f(N) D as the table itself has it, where its C is not 6 N D.
FlopsPerToken flops_of_table(const std::vector<Observation>& observations,
                             FlopConvention convention) {
  if (convention == FlopConvention::k6nd) return FlopsPerToken::six_n();
  std::vector<std::pair<double, double>> nodes;
  for (const Observation& o : observations) nodes.emplace_back(o.params, o.flops / o.tokens);
  return FlopsPerToken::from_nodes(std::string(name_of(convention)), std::move(nodes));
}

LawFit fit_table(const FitCommandFlags& flags) {
  const FlopConvention convention = parse_flop_convention(flags.convention);
  const ColumnMap map = flags.map.empty() ? ColumnMap{} : parse_column_map(flags.map);
  const ObservationTable table = read_observations(flags.csv, map, convention);
  for (const std::string& note : table.notes) say("note: " + note);
  FitOptions options = flags.fit.options();
  options.flops = flops_of_table(table.observations, convention);
  LawFit fit = fit_law(table.observations, flags.csv, options);
  fit.version = program_version();
  return fit;
}

LawFit fit_store(const FitCommandFlags& flags) {
  Store store(flags.db);
  return fit_study(store, choose_study(store, flags.study), flags.heldout, flags.fit.options());
}

void run(const FitCommandFlags& flags) {
  if (flags.db.empty() == flags.csv.empty()) {
    throw usage_error(
        "fit: give the runs, either a store with --db runs.db or a table with --csv runs.csv");
  }
  const LawFit fit = flags.csv.empty() ? fit_store(flags) : fit_table(flags);
  if (!flags.out.empty()) write_fit(fit, flags.out);
  print(flags.json ? fit_json(fit) : fit_text(fit));
  say("next: isoflop plan --flops 1e21 --fit " + (flags.out.empty() ? "fit.json" : flags.out) +
      (flags.out.empty() ? "   (write the file with --out fit.json)" : ""));
}

}  // namespace

void add_fit_command(CLI::App& app) {
  auto flags = std::make_shared<FitCommandFlags>();
  CLI::App* command = app.add_subcommand("fit", "A loss law from a store or a table of runs");
  command->footer(
      "  isoflop fit --db runs.db --out fit.json\n"
      "  isoflop fit --csv examples/runs.csv --convention exact\n"
      "  isoflop fit --csv runs.csv --map params=N,tokens=D,loss=val_loss --json");
  command->add_option("--db", flags->db, "A store");
  command->add_option("--csv", flags->csv, "A table with a header");
  command->add_option("--map", flags->map,
                      "Columns of the table: params=N,tokens=D,flops=C,loss=L");
  command->add_option("--study", flags->study, "Study in the store; default: the newest");
  command->add_option("--heldout", flags->heldout, "Held-out set; default heldout");
  command->add_option("--convention", flags->convention,
                      "What the table's C counts: 6nd (default), exact, kaplan, hoffmann, "
                      "hoffmann-layers");
  command->add_option("--out", flags->out, "Also write the fit, with its draws, to this file");
  command->add_flag("--json", flags->json, "Print JSON");
  add_fit_flags(command, flags->fit);
  command->callback([flags] { run(*flags); });
}

}  // namespace isoflop
