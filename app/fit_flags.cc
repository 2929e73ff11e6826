#include "app/fit_flags.h"

#include <CLI/CLI.hpp>

#include "core/error.h"
#include "core/units.h"
#include "law/law_form.h"
#include "law/presets.h"

namespace isoflop {
namespace {

// --starts: a way of searching, or a published law to start from and from nowhere else.
void set_starts(const std::string& starts, FitOptions& options) {
  if (starts == "screened") return;
  if (starts == "paper") {
    options.starts = Starts::kPaperGrid;
    return;
  }
  try {
    options.given_starts = {preset_law(starts).parameters};
    options.starts = Starts::kGiven;
  } catch (const Error&) {
    throw usage_error("--starts: \"" + starts +
                      "\" is not known: use screened, paper (the 4,500 of Hoffmann et al.) or a "
                      "published law such as hoffmann2022");
  }
}

}  // namespace

FitOptions FitFlags::options() const {
  if (draws < 1000) {
    throw usage_error("--draws: " + std::to_string(draws) +
                      " are too few: a plan takes its intervals from them; give at least 1000");
  }
  if (!(level > 0 && level < 1)) throw usage_error("--level: give a probability such as 0.9");
  FitOptions options{.draws = draws, .seed = seed, .level = level};
  set_starts(starts, options);
  if (!at.empty()) options.at = parse_quantity(at, "--at");
  if (!bootstrap.empty()) options.bootstrap = parse_bootstrap_kind(bootstrap);
  return options;
}

void add_fit_flags(CLI::App* command, FitFlags& flags) {
  command->add_option("--draws", flags.draws,
                      "Bootstrap refits behind the intervals; default 1000, and no fewer");
  command->add_option("--fit-seed", flags.seed, "Seed of the bootstrap; default 0");
  command->add_option("--level", flags.level, "Of the intervals; default 0.9");
  command->add_option("--bootstrap", flags.bootstrap,
                      "row (default), run, budget, residual or wild: docs/uncertainty.md");
  command->add_option("--starts", flags.starts,
                      "screened (default), paper (the 4,500 of Hoffmann et al.), or a published "
                      "law to start from");
  command->add_option("--at", flags.at,
                      "Budget at which answers are compared; default 100 times the largest run");
}

void LawFlags::set(FitOptions& options) const {
  options.law = law;
  const LawForm& form = law_form(law);
  for (const auto* texts : {&fix, &prior, &bound, &tie}) {
    for (const std::string& text : *texts) {
      options.constraints.push_back(parse_constraint(text, form));
    }
  }
  if (!delta.empty()) options.huber_delta = parse_quantity(delta, "--delta");
  if (approach == "all") {
    options.approach = 0;
  } else if (approach == "1" || approach == "2" || approach == "3") {
    options.approach = approach[0] - '0';
  } else {
    throw usage_error("--approach: \"" + approach +
                      "\" is not known: use 1 (envelope of curves), 2 (IsoFLOP profiles), 3 "
                      "(parametric) or all");
  }
  options.profiles = profile;
  options.diagnostics = !no_diagnostics;
  options.check.allow_few_tokens = few_tokens;
  if (hide.empty()) return;
  const double value = parse_quantity(hide, "--hide");
  (value < 1 ? options.hiding.fraction : options.hiding.budget) = value;
}

void add_law_flags(CLI::App* command, LawFlags& flags) {
  command->add_option("--law", flags.law,
                      "Form: chinchilla (default), kaplan, muennighoff, clark, ...: docs/math.md");
  command->add_option("--fix", flags.fix, "Fix a parameter: E=1.7");
  command->add_option("--prior", flags.prior, "What is known of one: alpha=0.35±0.05 (or +-)");
  command->add_option("--bound", flags.bound, "Its range: beta=0.1:0.6");
  command->add_option("--tie", flags.tie, "Make two equal: beta=alpha");
  command->add_option("--delta", flags.delta, "Huber's delta on ln L; default 1e-3; 0: squares");
  command->add_option("--approach", flags.approach, "1, 2, 3 (default) or all");
  command->add_flag("--profile", flags.profile, "Profile likelihood of each parameter");
  command->add_flag("--no-diagnostics", flags.no_diagnostics,
                    "Skip influence, residuals, identifiability and conventions");
  command->add_flag("--few-tokens", flags.few_tokens,
                    "The runs really have fewer tokens than parameters");
  command->add_option("--hide", flags.hide,
                      "What the backtest hides: rows of at least this budget, or this share");
}

}  // namespace isoflop
