// The inputs that are kept for fuzzing go through their targets in every build: seeds by hand, and
// what fuzzing once found.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "tests/data/temp_folder.h"
#include "tests/fuzz/fuzz_targets.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

fs::path corpus_folder() { return fs::path(ISOFLOP_SOURCE_DIR) / "tests/fuzz/corpus"; }

std::vector<fs::path> inputs_of(const std::string& target) {
  std::vector<fs::path> files;
  if (!fs::is_directory(corpus_folder() / target)) return files;
  for (const auto& entry : fs::directory_iterator(corpus_folder() / target)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

TEST(FuzzCorpus, EveryTargetHasInputsAndKeepsItsPromisesOnThem) {
  for (const std::string& target : fuzz_target_names()) {
    const std::vector<fs::path> inputs = inputs_of(target);
    EXPECT_FALSE(inputs.empty()) << target << " has no folder with inputs in " << corpus_folder();
    for (const fs::path& input : inputs) {
      const std::string bytes = slurp(input.string());
      EXPECT_NO_THROW(run_fuzz_target(target, bytes)) << target << " on " << input;
      // As a file is when it is cut short.
      EXPECT_NO_THROW(run_fuzz_target(target, bytes.substr(0, bytes.size() / 2)))
          << target << " on the first half of " << input;
    }
  }
}

TEST(FuzzCorpus, EveryFolderIsATargets) {
  const std::vector<std::string> names = fuzz_target_names();
  const std::set<std::string> known(names.begin(), names.end());
  for (const auto& entry : fs::directory_iterator(corpus_folder())) {
    EXPECT_TRUE(known.contains(entry.path().filename().string())) << entry.path();
  }
}

TEST(FuzzCorpus, ATargetThatDoesNotExistIsAnError) {
  EXPECT_THROW(run_fuzz_target("import-nothing", ""), std::logic_error);
}

}  // namespace
}  // namespace isoflop
