// Runs whose rate and batch were varied, from somebody's CSV.
//
// Columns, by their usual names (case ignored) or as the map says ("rate=lr,batch=bs"):
//
//   params (N), tokens (D), loss (L)    as in io/observations_csv.h
//   rate      peak learning rate: rate, lr, learning_rate, peak_lr, max_lr
//   batch     in tokens: batch, batch_tokens, batch_size, bs; optional
//   group     recipe, group: runs that differ in N, D, rate, batch and seed only; optional
//
// A loss that is "inf", "nan", "diverged" or empty is a run that diverged. Errors: Error(kUsage)
// "file:line: column: what".
#ifndef ISOFLOP_IO_TUNED_RUNS_CSV_H_
#define ISOFLOP_IO_TUNED_RUNS_CSV_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/hyper_fit.h"
#include "io/csv.h"

namespace isoflop {

std::vector<TunedRun> tuned_runs_from(const Table& table, const std::string& name,
                                      std::string_view map = {});
std::vector<TunedRun> read_tuned_runs(const std::string& path, std::string_view map = {});

}  // namespace isoflop

#endif  // ISOFLOP_IO_TUNED_RUNS_CSV_H_
