// Rate, batch and warm-up of one model by several laws, as plain data: what plan/tune.h makes and
// people read.
#ifndef ISOFLOP_CORE_TUNE_ANSWER_H_
#define ISOFLOP_CORE_TUNE_ANSWER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/hyper_fit.h"

namespace isoflop {

// What one law says.
struct TunedSetting {
  std::string law;
  std::string citation;
  std::string counted = "all";  // which parameters its N is
  std::string formula;          // "rate 1.79 N^-0.713 D^0.307, batch 0.58 D^0.571"
  std::optional<Interval> rate;
  std::optional<Interval> batch;  // tokens
  std::optional<double> sequences;
  std::optional<double> steps;
  std::optional<double> warmup_tokens;
  std::string range;                 // that it was measured in
  std::vector<std::string> outside;  // how the model lies outside of it; empty: inside
};

struct TuneAnswer {
  double params = 0;
  double tokens = 0;
  std::int64_t context = 0;
  std::string schedule;
  double level = 0.9;
  std::vector<TunedSetting> settings;
  std::size_t chosen = 0;  // whose numbers are the answer, and
  std::string because;     // why
  std::vector<std::string> assumptions;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_TUNE_ANSWER_H_
