// isoflop sweep merge
#include <CLI/CLI.hpp>
#include <memory>

#include "app/answer.h"
#include "app/conflicts_text.h"
#include "app/output.h"
#include "app/sweep_verbs.h"
#include "db/merge.h"
#include "io/json.h"

namespace isoflop {
namespace {

struct MergeFlags {
  std::vector<std::string> stores;
  std::string db;
  OutputFormat format;
};

Json merged_json(const std::string& path, const Merged& merged) {
  return {{"store", path},
          {"studies", merged.studies},
          {"trials", merged.trials},
          {"attempts", merged.attempts},
          {"curve_points", merged.curve_points},
          {"results", merged.results},
          {"duplicates", merged.duplicates},
          {"imports", merged.imports},
          {"imported_runs", merged.imported_runs},
          {"fits", merged.fits},
          {"conflicts", conflicts_json(merged.conflicts)}};
}

std::string merged_text(const std::string& path, const Merged& merged) {
  std::string text = path + ": " + std::to_string(merged.results) + " new results, " +
                     std::to_string(merged.trials) + " new trials, " +
                     std::to_string(merged.studies) + " new studies, " +
                     std::to_string(merged.attempts) + " new attempts";
  if (merged.duplicates > 0) {
    text += ", " + std::to_string(merged.duplicates) + " results that were known";
  }
  if (merged.imported_runs > 0) {
    text += ", " + std::to_string(merged.imported_runs) + " imported runs from " +
            std::to_string(merged.imports) + " new files";
  }
  if (merged.fits > 0) text += ", " + std::to_string(merged.fits) + " fits";
  return text + "\n" + conflicts_text(merged.conflicts);
}

void merge(const MergeFlags& flags) {
  Store store(flags.db, StoreMode::kCreate);
  Json answers = Json::array();
  for (const std::string& path : flags.stores) {
    const Merged merged = merge_store(store, path);
    if (is_asked(flags.format)) {
      answers.push_back(merged_json(path, merged));
    } else {
      print(merged_text(path, merged));
    }
  }
  if (flags.format.json) return print(json_text({{"db", flags.db}, {"merged", answers}}));
  if (is_asked(flags.format)) return print(table_text(rows_of(answers), flags.format));
  say("next: isoflop sweep status --db " + flags.db);
}

}  // namespace

void add_sweep_merge(CLI::App* sweep) {
  auto flags = std::make_shared<MergeFlags>();
  CLI::App* command = sweep->add_subcommand(
      "merge", "Take what other stores have into one; nothing in it is overwritten");
  command->footer(
      "  isoflop sweep merge laptop.db --db runs.db\n"
      "  isoflop sweep merge a.db b.db --db both.db\n"
      "  isoflop sweep merge a.db --db runs.db --json");
  command->add_option("stores", flags->stores, "Stores to take from; they are only read")
      ->required();
  command->add_option("--db", flags->db, "The store to merge into; made when it is not there")
      ->required();
  add_format_flags(command, flags->format);
  command->callback([flags] { merge(*flags); });
}

}  // namespace isoflop
