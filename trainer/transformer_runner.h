// Trains a dense decoder (model/transformer.h), one trial at a time, on the tokens that it names:
// see trainer/training.h for what a step is, how a trial goes on from a checkpoint, and when it has
// diverged (a value, not an error).
//
// The same trial gives the same losses to the bit on the same CPU type and build, with one thread.
//
// Over several processes (trainer/ranks.h) each of them makes the same runner with its own place
// and runs the same trials; outcomes are the same in all, curves and checkpoints are rank 0's. On
// GPUs
// --device cuda means the local rank's.
//
// A trial that finds no memory is an outcome too (trainer/out_of_memory.h).
//
// Errors: Error(kFailed) where LibTorch is left out (no_torch.cc) or the device is missing;
// Error(kUsage) when a trial would see its data more often than data.epochs allows;
// Error(kRefused, "checkpoint_mismatch") when it is told to go on from another trial's checkpoint.
#ifndef ISOFLOP_TRAINER_TRANSFORMER_RUNNER_H_
#define ISOFLOP_TRAINER_TRANSFORMER_RUNNER_H_

#include <functional>
#include <memory>
#include <string>

#include "core/corpus_manifest.h"
#include "core/trial_runner.h"
#include "trainer/rank_place.h"

namespace isoflop {

struct TransformerRunnerOptions {
  RankPlace place = {};
  double peer_timeout_seconds = 30;  // RanksOptions::timeout_seconds
  bool sharded = false;              // the optimizer's moments over the processes
  bool plain_path = false;           // LibTorch's operators on the CPU too
  double bucket_bytes = 25 << 20;    // of gradients that are summed together
};

// `read_manifest` reads the manifest of a prepared corpus' folder (io/manifest_json.h).
std::unique_ptr<TrialRunner> make_transformer_runner(
    std::function<CorpusManifest(const std::string& corpus_dir)> read_manifest,
    const TransformerRunnerOptions& options = {});

// Whether this program was built with LibTorch.
bool has_torch();

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_TRANSFORMER_RUNNER_H_
