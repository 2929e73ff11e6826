// isoflop compare
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/output.h"
#include "app/published_models.h"
#include "app/study.h"
#include "core/error.h"
#include "core/units.h"
#include "io/comparison_json.h"
#include "io/fit_json.h"
#include "plan/compare_fits.h"
#include "plan/compare_models.h"
#include "plan/compare_sizes.h"
#include "report/comparison_text.h"

namespace isoflop {
namespace {

struct CompareFlags {
  std::vector<std::string> what;
  std::vector<std::string> fits;
  std::vector<std::string> laws;
  std::string flops;
  std::string bytes_per_token;
  std::string db;
  std::string study;
  std::string heldout = "heldout";
  OutputFormat format;
};

template <typename Comparison>
void print_comparison(const Comparison& comparison, const OutputFormat& format) {
  if (format.json) return print(comparison_json(comparison));
  if (format.csv) return print(table_text(comparison_table(comparison), format));
  print(comparison_text(comparison, format.markdown));
}

bool is_file_of_fit(const std::string& word) { return word.ends_with(".json"); }

void compare_two_fits(const CompareFlags& flags) {
  if (flags.what.size() != 2 || !is_file_of_fit(flags.what[0]) || !is_file_of_fit(flags.what[1])) {
    throw usage_error(
        "compare: two fits are compared by their files, models by their names: give a.json b.json, "
        "or gopher chinchilla --fit a.json");
  }
  if (!flags.fits.empty() || !flags.laws.empty()) {
    throw usage_error("compare: --fit and --law are for models; two fits need neither");
  }
  CompareFitsOptions options{.name_a = flags.what[0], .name_b = flags.what[1]};
  if (!flags.flops.empty()) options.flops = parse_quantity(flags.flops, "--flops");
  if (!flags.bytes_per_token.empty()) {
    const auto comma = flags.bytes_per_token.find(',');
    if (comma == std::string::npos) {
      throw usage_error("--bytes-per-token: give both, first A's: 4.2,3.9");
    }
    options.bytes_per_token_a =
        parse_quantity(flags.bytes_per_token.substr(0, comma), "--bytes-per-token");
    options.bytes_per_token_b =
        parse_quantity(flags.bytes_per_token.substr(comma + 1), "--bytes-per-token");
  }
  const LawFit a = read_fit(flags.what[0]);
  const LawFit b = read_fit(flags.what[1]);
  print_comparison(compare_fits(a, b, options), flags.format);
}

void compare_named_models(const CompareFlags& flags) {
  if (!flags.flops.empty() || !flags.bytes_per_token.empty()) {
    throw usage_error("compare: --flops and --bytes-per-token are for two fits, a.json b.json");
  }
  std::vector<ComparedModel> models;
  for (const std::string& word : flags.what) models.push_back(model_from_word(word));
  print_comparison(compare_models(std::move(models), laws_from(flags.laws, flags.fits)),
                   flags.format);
}

void compare_study(const CompareFlags& flags) {
  if (!flags.what.empty()) {
    throw usage_error("compare: --db compares the sizes of a study; leave out the names");
  }
  Store store(flags.db, StoreMode::kReadOnly);
  const std::string study = choose_study(store, flags.study);
  const auto observations = store.results(study, convention_of(store, study), flags.heldout);
  print_comparison(compare_sizes(observations, study), flags.format);
}

void run_compare(const CompareFlags& flags) {
  if (!flags.db.empty()) return compare_study(flags);
  for (const std::string& word : flags.what) {
    if (is_file_of_fit(word)) return compare_two_fits(flags);
  }
  compare_named_models(flags);
}

}  // namespace

void add_compare_command(CLI::App& app) {
  auto flags = std::make_shared<CompareFlags>();
  CLI::App* command =
      app.add_subcommand("compare", "Models under laws, two fits, or the sizes of a study");
  command->footer(
      "  isoflop compare gopher chinchilla\n"
      "  isoflop compare 280B:300B 70B:1.4T llama --law epoch2024 --fit fit.json\n"
      "  isoflop compare a.json b.json --flops 1e21\n"
      "  isoflop compare --db runs.db");
  command->add_option("what", flags->what,
                      "Models (a published one's name, or N:D as 280B:300B), or two fits' files");
  command->add_option("--fit", flags->fits, "Also judge models by this fit; may be repeated");
  command->add_option("--law", flags->laws,
                      "Judge models by this published law; default: all of Chinchilla's form");
  command->add_option("--flops", flags->flops,
                      "Budget at which two fits meet; default: the largest fitted");
  command->add_option("--bytes-per-token", flags->bytes_per_token,
                      "Of two fits' tokenizers, A,B: losses become bits per byte");
  command->add_option("--db", flags->db, "A store: which size won at each budget");
  command->add_option("--study", flags->study, "Study in the store; default: the newest");
  command->add_option("--heldout", flags->heldout, "Held-out set; default heldout");
  add_format_flags(command, flags->format);
  command->callback([flags] { run_compare(*flags); });
}

}  // namespace isoflop
