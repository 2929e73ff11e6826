// The program that libFuzzer drives: one binary for all targets, of which ISOFLOP_FUZZ_TARGET names
// the one to fuzz, so that each keeps a corpus of its own. ISOFLOP_FUZZ_TARGET=list prints the
// names.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/fuzz_targets.h"

namespace {

std::string fuzzed_target() {
  const char* name = std::getenv("ISOFLOP_FUZZ_TARGET");
  return name == nullptr ? "" : name;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const std::vector<std::string> names = isoflop::fuzz_target_names();
  for (const std::string& name : names) {
    if (name == fuzzed_target()) return 0;
  }
  for (const std::string& name : names) std::puts(name.c_str());
  std::exit(fuzzed_target() == "list" ? 0 : 2);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string target = fuzzed_target();
  isoflop::run_fuzz_target(target, {reinterpret_cast<const char*>(data), size});
  return 0;
}
