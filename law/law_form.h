// The family of laws: a law is data plus one function, its prediction and derivative, so that
// adding one is one file (law/<name>_form.cc) and a line in all_forms.cc. Fitting, constraints,
// bootstrap and profiles (fit/form_fit.h) know nothing but this struct.
//
//   chinchilla    L = E + A / N^alpha + B / D^beta
//   kaplan        L = ((Nc / N)^(alpha_N / alpha_D) + Dc / D)^alpha_D
//   muennighoff   Chinchilla in effective N' and D' under repeated data
//   gadre         L = E + (a M^eta + b M^-eta) C^-eta, M = D / N: over-training
//   clark         routed experts, in log10
//   krajewski     fine-grained experts
//   abnar         sparsity of experts
//   ludziejewski  joint in active parameters, tokens and experts
//   kumar         precision of training and of rounding after it
//   power         L = E + A / C^alpha
//   broken_power  a power law that bends once
//   farseer       exponents that move with N
//   sigmoid       loss to a score between two plateaus
//   downstream    Gadre's score = 1 - eps + k exp(-gamma L)
//
// Pure data and pure functions; safe from any thread.
#ifndef ISOFLOP_LAW_LAW_FORM_H_
#define ISOFLOP_LAW_LAW_FORM_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/observation.h"
#include "law/law_point.h"

namespace isoflop {

enum class LawTarget {
  kLoss,   // the observation's loss, nats per token
  kScore,  // its "score", between 0 and 1
};

// What residuals are differences of.
enum class FitSpace {
  kLn,     // ln prediction - ln measured
  kLog10,  // log10 of both
  kPlain,  // prediction - measured
};

struct FormParameter {
  std::string_view name;
  double start_low = 0;  // where searches for it begin
  double start_high = 0;
  double low = 0;  // it cannot lie outside [low, high]
  double high = 0;
  bool logarithmic = false;  // fitted as ln; low is then positive
  // The prediction (its logarithm, if LawForm::linear_in_log) is an affine function of all
  // parameters so marked together: the search solves them instead of guessing.
  bool linear = false;
  std::string_view starts_in = {};   // coordinate whose range in the data is searched first instead
  std::string_view tied_to = {};     // equals that parameter unless a constraint names this one
  std::optional<double> fixed = {};  // keeps this value unless a constraint names the parameter
  std::string_view only_with = {};   // has no meaning where no run says this coordinate
};

struct LawForm {
  std::string_view name;
  std::string_view formula;
  std::string_view citation;
  std::vector<FormParameter> parameters;
  std::vector<std::string_view> needs;  // coordinates that every run must say (law_point.h)
  LawTarget target = LawTarget::kLoss;
  FitSpace space = FitSpace::kLn;  // the paper's way of fitting, and
  double huber_delta = 1e-3;       // its Huber delta; 0: least squares
  bool linear_in_log = false;
  // N is what a token passes through: a sparse run must say its active_params, but where its params
  // are those of the dense model beside it, as in Clark et al.'s table.
  bool counts_active = false;
  bool counts_dense_beside = false;
  // The loss or score at a point; values are in the order of `parameters`. Where gradient is not
  // null it gets the derivative by each value. Values out of bounds may give anything, NaN too.
  double (*predict)(std::span<const double> values, const LawPoint& point,
                    double* gradient) = nullptr;
};

std::span<const LawForm> law_forms();

// Throws Error(kUsage) listing the names.
const LawForm& law_form(std::string_view name);

std::vector<std::string> parameter_names(const LawForm& form);

// Whether experts, sparsity or granularity are among the form's coordinates.
bool knows_experts(const LawForm& form);

// What the form predicts, as measured; empty where the run does not say it.
std::optional<double> target_of(const LawForm& form, const Observation& observation);

// Throws Error(kUsage) naming the data row, the column and the form when a coordinate that the form
// needs, or its target, is missing or not positive and finite (sparsity, score: not within [0, 1]),
// or when a sparse run does not say the active parameters of which the form speaks.
void check_coordinates(const LawForm& form, std::span<const Observation> observations);

}  // namespace isoflop

#endif  // ISOFLOP_LAW_LAW_FORM_H_
