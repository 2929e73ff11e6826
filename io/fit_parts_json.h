// The smaller parts of a fit.json (io/fit_json.h): how the data were chosen, the noise, the ranges
// of parameters, the backtest. For io/'s own sources only. Errors as in io/json.h.
#ifndef ISOFLOP_IO_FIT_PARTS_JSON_H_
#define ISOFLOP_IO_FIT_PARTS_JSON_H_

#include <vector>

#include "core/law_fit.h"
#include "io/json.h"

namespace isoflop {

Json backtest_json(const Backtest& backtest);
Backtest read_backtest(const JsonReader& reader);

Json noise_json(const NoiseEstimate& noise);
NoiseEstimate read_noise(const JsonReader& reader);

Json ranges_json(const std::vector<ParameterRange>& ranges);
std::vector<ParameterRange> read_ranges(const std::vector<JsonReader>& rows);

Json exclusions_json(const std::vector<Exclusion>& exclusions);
std::vector<Exclusion> read_exclusions(const std::vector<JsonReader>& rows);

}  // namespace isoflop

#endif  // ISOFLOP_IO_FIT_PARTS_JSON_H_
