// Trains a dense decoder (model/decoder.h), one trial at a time, on the tokens that it names.
//
// A step: `batch` windows, forward, cross-entropy in nats, backward, clipping by global norm, fused
// AdamW (decay on matrices only), rate by core/schedule.h. The curve has about 64 points. The
// final evaluation is the mean loss over the trial's fixed held-out windows with its standard
// error; on the way, a small subset is evaluated at 1/8, 1/4 and 1/2 of the budget.
//
// The same trial gives the same losses to the bit on the same CPU type and build, with one thread.
// A loss or gradient that is not finite, or a training loss half a nat above its start after the
// warm-up, ends the trial as diverged: a value, not an error.
//
// Errors: Error(kFailed) where LibTorch is left out (no_torch.cc) or the device is missing;
// Error(kUsage) when a trial would see a token twice.
#ifndef ISOFLOP_TRAINER_DECODER_RUNNER_H_
#define ISOFLOP_TRAINER_DECODER_RUNNER_H_

#include <functional>
#include <memory>
#include <string>

#include "core/corpus_manifest.h"
#include "core/trial_runner.h"

namespace isoflop {

// `read_manifest` reads the manifest of a prepared corpus' folder (io/manifest_json.h).
std::unique_ptr<TrialRunner> make_decoder_runner(
    std::function<CorpusManifest(const std::string& corpus_dir)> read_manifest);

// Whether this program was built with LibTorch.
bool has_torch();

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_DECODER_RUNNER_H_
