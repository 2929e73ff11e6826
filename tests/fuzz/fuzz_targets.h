// What is fuzzed: every reader of files that others wrote, by name.
//
// A target reads any bytes. It may throw isoflop::Error, and what it returns without an error must
// keep the promises of its header; anything else (another exception, a broken promise, a crash, a
// hang, a leak) is a finding. libFuzzer drives them in the preset "fuzz" (fuzz_main.cc); an
// ordinary test replays the kept inputs in every build (corpus_replay_test.cc).
#ifndef ISOFLOP_TESTS_FUZZ_FUZZ_TARGETS_H_
#define ISOFLOP_TESTS_FUZZ_FUZZ_TARGETS_H_

#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

// "import-epoch", ... for each of import_formats(); "import" with the format recognised;
// "grid-toml", "attempt-file", "csv".
std::vector<std::string> fuzz_target_names();

// Throws std::logic_error for a broken promise, and when there is no such target.
void run_fuzz_target(const std::string& target, std::string_view bytes);

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_FUZZ_FUZZ_TARGETS_H_
