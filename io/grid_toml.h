// A sweep's TOML file as a GridSpec, and back.
//
//   name = "demo"
//   trainer = "decoder"                      # short for trainer under [trial]
//   objective = "masked"                     # short for model.objective there
//   [data]                                   # corpus = ..., or any data.* key without its "data."
//   corpus = "classics"
//   [grid]
//   kind = "isoflop"                         # isoflop | tokens | tokens_per_param
//   flops = "exact"                          # the convention of budgets; default 6nd
//   budgets = [1e11, "3e11"]                 # isoflop only; FLOP
//   params = ["4k", "9k"]                    # or one list a budget: [["3k", "6k"], ["6k", "12k"]]
//   tokens = ["1M", "10M"]                   # kind tokens
//   tokens_per_param = [10, 20]              # kind tokens_per_param
//   [trial]                                  # fixed for every trial; any key of core/trial.h
//   train.beta2 = 0.99                       # dotted, quoted ("train.beta2") or as [trial.train]
//   [axes]                                   # each multiplies the grid
//   seed = [1, 2]
//   epochs = [1, 4, 16]                      # passes: D / epochs distinct tokens (sweep/grid.h)
//   [rates]                                  # rates and batches by a law, not by the rule
//   law = "steplaw"                          # core/hyper_law.h, or a file of `isoflop tune --out`;
//                                            # or a name with its numbers, as grid_toml writes it:
//                                            # counted, rate and batch = [c, n, d, e],
//                                            # warmup_per_param, and what it was measured at,
//                                            # params, tokens, flops, tokens_per_param = [low,
//                                            high]
//   [bracket]                                # beside the grid, to check its rates and batches
//   rate = 2                                 # every size once more at rate / 2 and rate x 2
//   batch = 2                                # and at batch / 2 and batch x 2
//   [target]
//   flops = 1e15                             # what the demo plans for
//
// Numbers are TOML numbers or strings with the suffixes of core/units.h. Every trial key and value
// is tried on a scratch Trial. Fixed keys come out sorted by key, axes in the order of the file.
//
// Errors: Error(kUsage) "file:line: key: what", with a suggestion for a key that is nearly known:
// bad TOML, unknown keys, wrong types, empty lists, numbers that are not positive, duplicates in a
// list, epochs below 1, lists that do not belong to the kind, as many parameter lists as there are
// not budgets, a key that the grid itself sets (train.tokens, tabular_params).
#ifndef ISOFLOP_IO_GRID_TOML_H_
#define ISOFLOP_IO_GRID_TOML_H_

#include <string>
#include <string_view>

#include "core/grid_spec.h"

namespace isoflop {

// `name` is the file's name for messages.
GridSpec parse_grid(std::string_view text, const std::string& name);
GridSpec read_grid(const std::string& path);

// As TOML. parse_grid(grid_toml(spec)) == spec for every spec that parse_grid can make.
std::string grid_toml(const GridSpec& spec);

}  // namespace isoflop

#endif  // ISOFLOP_IO_GRID_TOML_H_
