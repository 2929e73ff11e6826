// A fitted loss law as plain data: what fit/ makes, io/ writes and reads, plan/ uses.
#ifndef ISOFLOP_CORE_LAW_FIT_H_
#define ISOFLOP_CORE_LAW_FIT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/approach_comparison.h"
#include "core/diagnostics.h"
#include "core/envelope_fit.h"
#include "core/flops.h"
#include "core/form_parameters.h"
#include "core/isoflop_fit.h"
#include "core/law_parameters.h"
#include "core/loss_unit.h"
#include "core/noise_estimate.h"

namespace isoflop {

// A hidden row: what it measured and what the rest predicts for it. The interval is of a measured
// loss, so it holds the law's uncertainty and the scatter of a single run.
struct HiddenRow {
  std::int64_t row = 0;  // data row in its table, from 0
  double params = 0;
  double tokens = 0;
  double flops = 0;
  double loss = 0;
  Interval predicted;

  bool operator==(const HiddenRow&) const = default;
};

// The largest budgets hidden, the rest fitted, the hidden losses predicted.
struct Backtest {
  double budget = 0;  // the smallest hidden FLOP
  int fitted = 0;
  int hidden = 0;
  double mean_error = 0;             // signed, relative: mean of predicted / measured - 1
  double max_error = 0;              // the signed error of the largest size
  std::optional<double> best_error;  // at the hidden budget's lowest loss
  double level = 0;                  // of the rows' intervals; 0: none were asked for
  int inside = 0;                    // hidden losses inside their interval
  std::vector<HiddenRow> rows;       // the hidden rows, ascending C

  bool operator==(const Backtest&) const = default;
};

// How far a parameter can be pushed before the data object (profile likelihood).
struct ParameterRange {
  std::string name;
  double value = 0;
  double low = 0;  // a bound of the search where the range is open
  double high = 0;
  bool low_open = false;
  bool high_open = false;
  std::string why_flat;  // not identified, in words; empty: it is

  bool operator==(const ParameterRange&) const = default;
};

// What fitted sparse runs of one number of experts weigh; means over them.
struct ExpertsWeight {
  double experts = 1;         // E
  double total_ratio = 1;     // all parameters over those that a token passes through
  double active_experts = 0;  // k = E (1 - S), S the share of idle experts; 0: not said

  bool operator==(const ExpertsWeight&) const = default;
};

struct LawFit {
  std::string law = "chinchilla";  // the form, or a preset's name
  std::string citation;            // of a preset
  int approach = 3;                // 1 or 2: only that was made, there is no law
  LawParameters parameters;
  std::vector<LawParameters> draws;  // bootstrap refits; empty for presets
  // A law of another form than Chinchilla's; `parameters` and `draws` then say nothing.
  std::optional<FormParameters> form;
  double interval_level = 0.9;
  std::string interval_method;  // "row bootstrap", "budget bootstrap", ...

  int observations = 0;
  double objective = 0;  // sum of Huber terms on log-loss
  double huber_delta = 1e-3;
  double gradient_norm = 0;  // max norm at the solution, in (ln A, ln B, ln E, alpha, beta)
  int starts_tried = 0;
  int starts_agreeing = 0;               // ended within 1e-6 relative of the best objective
  double second_best = 0;                // objective of the next distinct optimum; 0: none was met
  double residual_rms = 0;               // of ln L
  std::optional<double> r_squared;       // of L; for forms other than Chinchilla's
  std::vector<std::string> constraints;  // what was fixed, bounded, tied or known: "E = 1.7"
  std::vector<ParameterRange> ranges;    // profile likelihood, where asked for

  FlopsPerToken flops = FlopsPerToken::six_n();
  double params_low = 0, params_high = 0;  // range of the data
  double tokens_low = 0, tokens_high = 0;
  double flops_low = 0, flops_high = 0;
  double tokens_per_param_low = 0, tokens_per_param_high = 0;  // of D / N; 0: unknown
  double experts_low = 0, experts_high = 0;                    // 0: no run said them
  std::vector<ExpertsWeight> experts_weights;                  // ascending E; empty: unknown

  std::optional<IsoflopFit> isoflop;
  std::optional<EnvelopeFit> envelope;
  std::optional<ApproachComparison> approaches;
  std::optional<NoiseEstimate> noise;
  std::optional<Diagnostics> diagnostics;
  std::optional<Backtest> backtest;
  std::string set;                        // held-out set or loss column; empty: the usual one
  std::string loss_unit = kNatsPerToken;  // core/loss_unit.h: of L, E and every error
  std::string params_counted = "total";   // what N is: core/params_counted.h
  // Trial keys (core/trial.h) and values that all fitted trials of a store share: core/recipe.h.
  std::map<std::string, std::string> recipe;
  std::string where;                  // the condition that rows had to satisfy
  std::vector<Exclusion> exclusions;  // rows left out by hand, with reasons
  std::string source;                 // file or store it was fitted on
  std::string data_sha256;            // of the observations
  std::string version;                // of isoflop
  std::vector<Warning> warnings;

  // Whether E, A, B, alpha, beta or another form's numbers are there.
  bool has_law() const { return form.has_value() || parameters.A > 0; }
  double a() const { return parameters.beta / (parameters.alpha + parameters.beta); }
  double b() const { return parameters.alpha / (parameters.alpha + parameters.beta); }

  bool operator==(const LawFit&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_LAW_FIT_H_
