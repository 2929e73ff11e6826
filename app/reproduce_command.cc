// isoflop reproduce
#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/output.h"
#include "app/published_models.h"
#include "core/closest_word.h"
#include "core/error.h"
#include "core/units.h"
#include "fit/fit_law.h"
#include "io/fit_json.h"
#include "io/observations_csv.h"
#include "io/reproduction_json.h"
#include "plan/reproduce.h"
#include "published/tables.h"
#include "report/reproduction_text.h"

namespace isoflop {
namespace {

struct ReproduceFlags {
  std::string what;
  std::string csv;
  std::string map;
  std::string fit;
  bool list = false;
  OutputFormat format;
};

// One thing that can be asked for.
struct Piece {
  const char* name;
  const char* about;
  std::function<void(const Refit*, Reproduction&)> add;
};

void add_suite(const std::string& suite, Reproduction& into) {
  for (const SuiteRow& row : suite_table()) {
    if (row.suite == suite) into.suites.push_back(judge_suite(row, task_table()));
  }
}

const std::vector<Piece>& pieces() {
  static const std::vector<Piece> all = {
      {"table2", "exponents of the three approaches",
       [](const Refit* refit, Reproduction& into) {
         into.tables.push_back(reproduce_table2(exponent_table(), optimal_table(), refit));
       }},
      {"table3", "optimal compute and tokens by approach 1",
       [](const Refit*, Reproduction& into) {
         into.tables.push_back(reproduce_table3(optimal_table()));
       }},
      {"tableA2", "other data sets, and projections at Gopher's budget",
       [](const Refit*, Reproduction& into) {
         into.tables.push_back(reproduce_table_a2(dataset_table()));
       }},
      {"tableA3", "optimal compute and tokens by approaches 2 and 3",
       [](const Refit* refit, Reproduction& into) {
         into.tables.push_back(reproduce_table_a3(optimal_table(), refit));
       }},
      {"tableA4", "FLOPs of App. F over 6 N D",
       [](const Refit*, Reproduction& into) {
         into.tables.push_back(reproduce_table_a4(flop_ratio_table()));
       }},
      {"tableA9", "parameters of the 50 shapes",
       [](const Refit*, Reproduction& into) {
         into.tables.push_back(reproduce_table_a9(model_shapes()));
       }},
      {"kaplan", "the optimal size at 1e21 FLOP by Kaplan et al. and by approach 1",
       [](const Refit*, Reproduction& into) {
         into.tables.push_back(reproduce_kaplan(kaplan_constant("N_opt", "coef"),
                                                kaplan_constant("N_opt", "exp"), optimal_table()));
       }},
      {"statements", "numbers that are stated twice",
       [](const Refit*, Reproduction& into) {
         into.tables.push_back(reproduce_statements(statement_table(), large_models()));
       }},
      {"mmlu", "MMLU, 57 tasks", [](const Refit*, Reproduction& into) { add_suite("MMLU", into); }},
      {"bigbench", "BIG-bench, 62 tasks",
       [](const Refit*, Reproduction& into) { add_suite("BIG-bench", into); }},
      {"pile", "The Pile, 19 subsets",
       [](const Refit*, Reproduction& into) { add_suite("The Pile", into); }},
  };
  return all;
}

constexpr const char* kEverything = "chinchilla-vs-gopher";

std::string list_of_pieces() {
  TextTable table{{"piece", "what"},
                  {{kEverything, "both models under every law, and all of the following"}}};
  for (const Piece& piece : pieces()) table.rows.push_back({piece.name, piece.about});
  return aligned_text(table);
}

std::optional<Refit> refit_from(const ReproduceFlags& flags) {
  if (!flags.csv.empty() && !flags.fit.empty()) {
    throw usage_error("reproduce: give the extracted points with --csv or their fit with --fit");
  }
  if (!flags.fit.empty()) return Refit{flags.fit, read_fit(flags.fit)};
  if (flags.csv.empty()) return std::nullopt;
  const ColumnMap map = flags.map.empty() ? ColumnMap{} : parse_column_map(flags.map);
  const ObservationTable table = read_observations(flags.csv, map);
  for (const std::string& note : table.notes) say("note: " + note);
  return Refit{flags.csv, fit_law(table.observations, flags.csv, FitOptions{})};
}

void add_models(const std::optional<Refit>& refit, Reproduction& into) {
  auto laws = laws_from({}, {});
  if (refit && !refit->fit.form) laws.push_back({refit->name, refit->fit});
  into.models = compare_models({model_from_word("gopher"), model_from_word("chinchilla")}, laws);
}

Reproduction reproduce(const ReproduceFlags& flags) {
  const bool everything = flags.what == kEverything;
  std::vector<std::string> names{kEverything};
  Reproduction result{.name = flags.what};
  std::vector<const Piece*> wanted;
  for (const Piece& piece : pieces()) {
    if (everything || flags.what == piece.name) wanted.push_back(&piece);
    names.emplace_back(piece.name);
  }
  if (wanted.empty()) {
    const std::string near = closest_word(flags.what, names);
    throw usage_error(
        "reproduce: \"" + flags.what + "\" is not known: " +
        (near.empty() ? "see isoflop reproduce --list" : "did you mean " + near + "?"));
  }
  const std::optional<Refit> refit = refit_from(flags);
  if (everything) add_models(refit, result);
  for (const Piece* piece : wanted) piece->add(refit ? &*refit : nullptr, result);
  return result;
}

// Every number that is set beside a printed one.
TextTable value_table(const Reproduction& result) {
  TextTable table{{"table", "label", "quantity", "ours", "printed", "ratio", "basis"}, {}};
  const auto cell = [](const std::optional<double>& value) {
    return value ? exact_number(*value) : std::string();
  };
  for (const ReproducedTable& part : result.tables) {
    for (const ReproducedValue& value : part.values) {
      table.rows.push_back({part.name, value.label, value.quantity, cell(value.ours),
                            cell(value.printed), cell(value.ratio()), value.basis});
    }
  }
  for (const SuiteOutcome& suite : result.suites) {
    for (const TaskRow& task : suite.tasks) {
      table.rows.push_back({suite.printed.suite, task.task, task.metric,
                            exact_number(task.chinchilla), exact_number(task.gopher),
                            exact_number(task.chinchilla / task.gopher),
                            "Chinchilla beside Gopher"});
    }
  }
  return table;
}

void run_reproduce(const ReproduceFlags& flags) {
  if (flags.list) return print(list_of_pieces());
  if (flags.what.empty()) {
    throw usage_error("reproduce: what? see isoflop reproduce --list");
  }
  const Reproduction result = reproduce(flags);
  if (flags.format.json) return print(reproduction_json(result));
  if (flags.format.csv) return print(table_text(value_table(result), flags.format));
  print(reproduction_text(result, flags.format.markdown));
}

}  // namespace

void add_reproduce_command(CLI::App& app) {
  auto flags = std::make_shared<ReproduceFlags>();
  CLI::App* command = app.add_subcommand(
      "reproduce", "Published tables recomputed beside what was printed, misprints included");
  command->footer(
      "  isoflop reproduce --list\n"
      "  isoflop reproduce chinchilla-vs-gopher\n"
      "  isoflop reproduce tableA3 --csv points.csv --json");
  command->add_option("what", flags->what, "chinchilla-vs-gopher, table2, table3, tableA2, ...");
  command->add_flag("--list", flags->list, "What can be reproduced");
  command->add_option("--csv", flags->csv,
                      "Losses extracted from the paper's figures, fitted and set beside it");
  command->add_option("--map", flags->map, "Columns of that table: params=N,flops=C,loss=L");
  command->add_option("--fit", flags->fit, "Or a fit of them, written by `isoflop fit --out`");
  add_print_flags(command, flags->format);
  command->callback([flags] { run_reproduce(*flags); });
}

}  // namespace isoflop
