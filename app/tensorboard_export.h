// Curves of a study as TensorBoard's event files: a folder a run, one file in each, replaced whole
// when it is written again. Tags: train/loss, heldout/loss, rate, grad_norm, tokens, and
// result/loss at the last step of a trial that is done. The trial's N, D, rate, batch and seed are
// its hyperparameters there. Moments are the study's beginning plus the seconds of the attempt.
//
// Errors: Error(kFailed) when a folder or a file cannot be written.
#ifndef ISOFLOP_APP_TENSORBOARD_EXPORT_H_
#define ISOFLOP_APP_TENSORBOARD_EXPORT_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/imported_run.h"
#include "db/store.h"

namespace isoflop {

// How many runs have a curve and were written.
std::int64_t write_tensorboard(const Store& store, const std::string& study,
                               std::span<const TrialRow> rows, const std::string& folder);
std::int64_t write_tensorboard(std::span<const RunImport> imports, const std::string& folder);

}  // namespace isoflop

#endif  // ISOFLOP_APP_TENSORBOARD_EXPORT_H_
