// The decoder's runner in a program without LibTorch.
#include "core/error.h"
#include "trainer/transformer_runner.h"

namespace isoflop {

std::unique_ptr<TrialRunner> make_transformer_runner(
    std::function<CorpusManifest(const std::string&)>, const TransformerRunnerOptions&) {
  throw failure(
      "training a decoder: this program was built without LibTorch: run ./scripts/setup and build "
      "with `cmake --preset release && cmake --build --preset release`, or use --trainer tabular");
}

bool has_torch() { return false; }

}  // namespace isoflop
