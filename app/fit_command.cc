// isoflop fit
#include <CLI/CLI.hpp>
#include <memory>

#include "app/answer.h"
#include "app/commands.h"
#include "app/fit_flags.h"
#include "app/fit_input.h"
#include "app/output.h"
#include "core/error.h"
#include "db/store.h"
#include "fit/fit_law.h"
#include "io/atomic_file.h"
#include "io/fit_json.h"
#include "io/json.h"
#include "law/law_form.h"
#include "report/fit_text.h"

namespace isoflop {
namespace {

struct FitCommandFlags {
  FitInputFlags input;
  FitFlags fit;
  LawFlags law;
  std::string out;
  bool details = false;
  bool backtest = false;
  OutputFormat format;
};

LawFit fit_one(const FitCommandFlags& flags, const FitInput& input) {
  FitOptions options = flags.fit.options();
  flags.law.set(options);
  return fit_of(input, options);
}

// Where a fit of several is written: "fit.json" becomes "fit.SET.json".
std::string out_path(const FitCommandFlags& flags, const FitInput& input, bool several) {
  if (!several || flags.out.empty()) return flags.out;
  const std::string stem =
      flags.out.ends_with(".json") ? flags.out.substr(0, flags.out.size() - 5) : flags.out;
  std::string set = input.set;
  for (char& c : set) {
    if (c == '/' || c == ':' || c == ' ') c = '-';
  }
  return stem + "." + set + ".json";
}

void keep_in_store(const FitCommandFlags& flags, const FitInput& input, const std::string& json) {
  if (flags.input.db.empty()) return;
  Store store(flags.input.db);
  store.save_fit(input.study, json);
}

// Draws are no cells of a table.
Json fits_json(const std::vector<std::string>& texts) {
  Json all = Json::array();
  for (const std::string& text : texts) all.push_back(parse_json(text, "fit"));
  return all;
}

void print_fits(const std::vector<LawFit>& fits, const std::vector<std::string>& texts,
                const OutputFormat& format) {
  if (format.json) {
    return print(texts.size() > 1 ? json_text({{"fits", fits_json(texts)}}) : texts.front());
  }
  const TextTable laws = law_table(fits);
  if (format.markdown && !laws.rows.empty()) return print(markdown_text(laws));
  print(table_text(rows_of(fits_json(texts)), format));
}

void run(const FitCommandFlags& flags) {
  const bool with_curves = flags.law.approach == "1" || flags.law.approach == "all";
  FitInputFlags input = flags.input;
  input.law = law_form(flags.law.law).name;
  const auto inputs = read_fit_inputs(input, with_curves);
  const bool several = inputs.size() > 1;
  std::vector<LawFit> fits;
  for (const FitInput& one : inputs) fits.push_back(fit_one(flags, one));
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < fits.size(); ++i) {
    texts.push_back(fit_json(fits[i]));
    const std::string path = out_path(flags, inputs[i], several);
    if (!path.empty()) write_file_atomically(path, texts.back());
    keep_in_store(flags, inputs[i], texts.back());
    if (is_asked(flags.format)) continue;
    print_headed((several ? "== " + inputs[i].set + '\n' : std::string()) +
                 fit_text(fits[i], {.details = flags.details, .backtest = flags.backtest}));
  }
  if (is_asked(flags.format)) {
    print_fits(fits, texts, flags.format);
  } else if (several) {
    print('\n' + aligned_text(law_table(fits)));
  }
  const std::string path = out_path(flags, inputs.front(), several);
  say("next: isoflop plan --flops 1e21 --fit " + (path.empty() ? "fit.json" : path) +
      (path.empty() ? "   (write the file with --out fit.json)" : ""));
}

void add_input_flags(CLI::App* command, FitInputFlags& flags) {
  command->add_option("--db", flags.db, "A store");
  command->add_option("--csv", flags.csv, "A table with a header");
  command->add_option("--map", flags.map,
                      "Columns of the table: params=N,tokens=D,flops=C,loss=L; loss twice: a law "
                      "for each");
  command->add_option("--study", flags.study, "Study in the store; default: the newest");
  command->add_option("--heldout", flags.heldout,
                      "Held-out set of the store (repeat for a law each), or all; default heldout");
  command->add_option("--convention", flags.convention,
                      "What the table's C counts: 6nd (default), exact, kaplan, hoffmann, "
                      "hoffmann-layers");
  command->add_option("--count", flags.counted,
                      "What N counts: total (default), active or nonembedding parameters");
  command->add_option("--where", flags.where, "Rows to take, in SQL: \"N > 1e8 and D/N < 100\"");
  command->add_option("--exclude", flags.exclude,
                      "Leave out a row (from 0), a range 3-5 or a trial; repeat for more");
  command->add_option("--because", flags.because, "Why, for the record; one for all or one each");
  command->add_option("--curves", flags.curves,
                      "Training curves (run,params,tokens,loss) for approach 1");
}

}  // namespace

void add_fit_command(CLI::App& app) {
  auto flags = std::make_shared<FitCommandFlags>();
  CLI::App* command = app.add_subcommand("fit", "A loss law from a store or a table of runs");
  command->footer(
      "  isoflop fit --db runs.db --out fit.json\n"
      "  isoflop fit --csv runs.csv --map params=N,tokens=D,loss=val_loss --approach all\n"
      "  isoflop fit --csv runs.csv --exclude 0-4 --because \"warm-up too long\" --fix E=1.7 "
      "--json");
  add_input_flags(command, flags->input);
  add_law_flags(command, flags->law);
  command->add_option("--out", flags->out, "Also write the fit, with its draws, to this file");
  command->add_flag("--details", flags->details,
                    "Also residuals, identifiability, conventions and other forms of law");
  command->add_flag("--backtest", flags->backtest,
                    "Show each run that the backtest hides beside its prediction");
  add_print_flags(command, flags->format);
  add_fit_flags(command, flags->fit);
  command->callback([flags] { run(*flags); });
}

}  // namespace isoflop
