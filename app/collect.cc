#include "app/collect.h"

#include <set>

#include "io/attempt_file.h"

namespace isoflop {
namespace {

void count_import(ImportedAs as, const AttemptRead& read, Collected& counts) {
  switch (as) {
    case ImportedAs::kNew:
      ++counts.results;
      break;
    case ImportedAs::kKnown:
      ++counts.known;
      break;
    case ImportedAs::kProgress:
      ++counts.progress;
      break;
    case ImportedAs::kEnded:
      ++counts.ended;
      break;
    case ImportedAs::kDuplicate:
      ++counts.duplicates;
      break;
    case ImportedAs::kConflict:
      ++counts.conflicts;
      break;
    case ImportedAs::kUnknownTrial:
      counts.unknown.push_back(read.attempt.origin + ".jsonl: trial " +
                               read.attempt.identity.substr(0, 12));
  }
}

}  // namespace

std::string attempts_folder(const std::string& folder) { return folder + "/attempts"; }
std::string checkpoints_folder(const std::string& folder) { return folder + "/checkpoints"; }

Collected collect_attempts(Store& store, const std::string& folder, const RetryPolicy& policy) {
  Collected counts;
  const auto ended = store.ended_origins();
  const std::set<std::string> finished(ended.begin(), ended.end());
  for (const std::string& path : attempt_files(attempts_folder(folder))) {
    ++counts.files;
    if (finished.contains(origin_of(path))) {
      ++counts.known;
      continue;
    }
    const AttemptRead read = read_attempt(path);
    if (!read.damage.empty()) counts.damaged.push_back(read.damage);
    if (read.usable) count_import(store.import_attempt(read.attempt, policy), read, counts);
  }
  return counts;
}

std::int64_t release_gone(Store& store, const std::string& study,
                          const std::function<bool(const std::string& holder)>& is_gone) {
  std::int64_t count = 0;
  for (const HolderRow& row : store.holders(study)) {
    if (is_gone(row.holder)) count += store.take_back(study, row.holder);
  }
  return count;
}

}  // namespace isoflop
