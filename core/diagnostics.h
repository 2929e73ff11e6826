// How far a fit can be trusted: what fit/diagnose.h finds, io/diagnostics_json.h writes and reads,
// report/diagnostics_text.h says in words.
//
// Rows are named by their number in the table, counted from 0, and by their label where they have
// one. Losses in nats per token, residuals in ln L (measured minus predicted), N, D and C under the
// fit's own conventions.
#ifndef ISOFLOP_CORE_DIAGNOSTICS_H_
#define ISOFLOP_CORE_DIAGNOSTICS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/law_parameters.h"

namespace isoflop {

// Rows that a person leaves out, with the reason. `rows` is a data row's number counted from 0
// ("4"), a range of them ("0-4"), or a trial's label or the beginning of just one label.
struct Exclusion {
  std::string rows;
  std::string because;

  bool operator==(const Exclusion&) const = default;
};

// What a law says of one budget: the two answers that stand side by side.
struct LawAnswer {
  LawParameters law;
  int observations = 0;
  double objective = 0;  // sum of Huber terms over its own rows
  double params = 0;     // N*
  double tokens = 0;     // D*
  double loss = 0;       // L*

  bool operator==(const LawAnswer&) const = default;
};

struct InfluentialRow {
  std::int64_t row = 0;
  std::string trial;
  double run_params = 0;  // N, D and L of the row itself
  double run_tokens = 0;
  double run_loss = 0;
  double residual = 0;      // under the law without the whole set
  double params = 0;        // N* once this row and those before it have left
  double params_ratio = 0;  // that, over N* with all rows

  double tokens_per_param() const { return run_tokens / run_params; }
  bool operator==(const InfluentialRow&) const = default;
};

// The group of rows that does not follow the law of the others, in the order in which they leave.
struct Influence {
  double budget = 0;  // C at which N* is compared
  std::vector<InfluentialRow> rows;
  LawAnswer with;     // all rows
  LawAnswer without;  // without the set; as `with` when it is empty
  double scale = 0;   // scatter of ln L of the rows that stay, as a standard deviation
  double cutoff = 0;  // |residual| / (scale x its own factor) beyond which a row is foreign
  double level = 0;   // chance that clean data would name any row at all
  std::string method;
  std::string why_not;  // when the search could not be made

  bool operator==(const Influence&) const = default;
};

// ln L's residuals against the logarithm x of a coordinate, after r = c0 + c1 z + c2 z^2 with z =
// (x - mean) / sd: a law that fits leaves neither slope nor curvature.
struct ResidualTrend {
  std::string against;  // "params", "tokens", "flops"
  double slope = 0;     // c1
  double slope_t = 0;   // c1 over its standard error
  double curvature = 0;
  double curvature_t = 0;

  bool operator==(const ResidualTrend&) const = default;
};

struct ResidualRow {
  std::int64_t row = 0;
  std::string trial;
  double params = 0;
  double tokens = 0;
  double loss = 0;
  double residual = 0;
  double scaled = 0;  // over the robust scale of all residuals

  bool operator==(const ResidualRow&) const = default;
};

struct Residuals {
  double scale = 0;  // 1.4826 x median |residual|
  double rms = 0;
  std::vector<ResidualTrend> trends;
  std::vector<ResidualRow> largest;  // at most 5, largest first

  bool operator==(const Residuals&) const = default;
};

// What the design of the runs can tell. Parameters in the order ln E, ln A, ln B, alpha, beta.
struct Identifiability {
  double condition = 0;  // largest over smallest singular value of d ln L / d theta as it stands
  double condition_scaled = 0;  // the same with columns centred in ln N, ln D and of unit length
  std::vector<std::vector<double>> correlation;  // of the estimates, 5 x 5; empty when singular
  std::vector<double> standard_errors;           // of theta, from the Jacobian and the scatter
  int sizes = 0;                                 // distinct N
  int token_counts = 0;                          // distinct D
  int budgets = 0;                               // groups of at least 3 rows of equal C
  double tokens_per_param_low = 0;
  double tokens_per_param_high = 0;
  double tokens_per_param_correlation = 0;  // of ln N and ln D: 1 for a ladder of constant D / N
  double flops_span = 0;                    // largest C over smallest
  double extrapolation = 0;                 // budget over the largest C

  bool operator==(const Identifiability&) const = default;
};

// The same runs fitted under one way of counting N and C.
struct ConventionRow {
  std::string params;  // "total", "nonembedding"
  std::string flops;   // "6nd", "exact"
  std::string how;     // where the counts come from: "columns", "N_T = N + 47491 N^(1/3)"
  bool usable = false;
  std::string why_not;
  LawParameters law;
  double a = 0;          // d ln N* / d ln C between the smallest and the largest C of the runs
  double b = 0;          // d ln D* / d ln C there
  double params_at = 0;  // N* in this count at the largest C in this count

  bool operator==(const ConventionRow&) const = default;
};

// Pearce and Song 2024: what somebody who leaves out embeddings, and trains as small models as
// Kaplan et al. did, would find if the fitted law were true.
// 0: it has no number.
struct NonembeddingSlope {
  double simulated = 0;      // their simulated sweep, 768 to 1.5e9 non-embedding parameters
  double exact = 0;          // the same range without its grids
  double large = 0;          // where models are large (1.5e10 to 1e11)
  double asymptotic = 0;     // beta / (alpha + beta)
  double loss_exponent = 0;  // L ~ C^this in the simulated sweep

  bool operator==(const NonembeddingSlope&) const = default;
};

struct ConventionTable {
  std::vector<ConventionRow> rows;
  NonembeddingSlope nonembedding;

  bool operator==(const ConventionTable&) const = default;
};

// A form of law judged by the largest-compute rows that its fit has not seen.
struct FormTrial {
  std::string form;  // "chinchilla", "chinchilla-equal" (alpha = beta), "power-of-compute", ...
  std::string formula;
  int parameters = 0;
  bool usable = false;
  std::string why_not;
  double hidden_rms = 0;   // of ln(predicted / measured) over the hidden rows
  double hidden_mean = 0;  // signed
  double fitted_rms = 0;   // over the rows it was fitted on

  bool operator==(const FormTrial&) const = default;
};

struct ModelChoice {
  double budget = 0;  // the smallest hidden C
  int fitted = 0;
  int hidden = 0;
  std::vector<FormTrial> forms;  // best first, then the unusable
  // Whether the best is nearer than the second on more hidden rows than chance gives (sign test, 5
  // %).
  bool clear = false;

  bool operator==(const ModelChoice&) const = default;
};

struct Diagnostics {
  std::optional<Influence> influence;
  std::optional<Residuals> residuals;
  std::optional<Identifiability> identifiability;
  std::optional<ConventionTable> conventions;
  std::optional<ModelChoice> model_choice;
  std::vector<Warning> warnings;

  bool operator==(const Diagnostics&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_DIAGNOSTICS_H_
