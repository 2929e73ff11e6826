// L(N, D) of any law with everything else fixed: what a plan searches.
//
//   chinchilla          as it is; its optimum has a closed form (law/optimum.h)
//   any other form      law/law_form.h, at the settings' unique tokens, experts, granularity,
//                       sparsity; C = f(N) D where a form asks for it
//
// A cap U on unique tokens, for a law that knows no repetition (Muennighoff et al. 2023, eq. 5):
// tokens beyond the first pass count less and less,
//
//   D' = D                                    where D <= U
//   D' = U + U R (1 - exp(-(D / U - 1) / R))  beyond,  R = repeat_decay
//
// and L(N, D') is the law's. A law that knows repetition (its form has unique_tokens) is used as it
// is.
//
// N is what a token passes through (the active parameters of a sparse model); a law of all
// parameters (Krajewski's, Abnar's) is asked at total_params, Abnar's at sparse_shape's S. D is all
// tokens of training, repeated ones included. Losses in nats per token.
//
// Errors: Error(kUsage) for settings that are not positive and finite, or that the law asks for and
// were not given; Error(kRefused, "no_trade_off") for a law that is not one of N and D.
#ifndef ISOFLOP_PLAN_LOSS_SURFACE_H_
#define ISOFLOP_PLAN_LOSS_SURFACE_H_

#include <optional>
#include <string>
#include <vector>

#include "core/flops.h"
#include "core/law_fit.h"
#include "law/law_form.h"

namespace isoflop {

// R_D* of the published fit (Muennighoff et al. 2023, arXiv:2305.16264); its profile is flat from
// 14 to 80.
inline constexpr double kRepeatDecay = 15.387756;

struct SurfaceSettings {
  std::optional<double> unique_tokens;  // absent: no token is seen twice
  double repeat_decay = kRepeatDecay;
  std::optional<double> experts;      // E; absent: dense
  std::optional<double> granularity;  // G
  std::optional<double> sparsity;     // S = (E - k) / E: share of experts that a token passes by
  // Of the runs that the law was fitted to (LawFit::experts_weights); empty: one expert a token, of
  // a feed-forward that is two thirds of a dense block.
  std::vector<ExpertsWeight> weights = {};
};

// Tokens that were worth as much, had all been new.
double effective_tokens(double tokens, double unique_tokens, double repeat_decay);

// What a number of experts, or a sparsity, means for a model's weight.
//
//   measured    piecewise linear in E (E / k, where S is given) through the runs' own N / N_active
//               and k, and on beyond them; from 1 expert where one number was measured
//   else        k = 1: 1 + 2/3 (E - 1) (8 d^2 of a block's 12 d^2 are its feed-forward)
struct SparseShape {
  double total_ratio = 1;  // all parameters over those that a token passes through
  double sparsity = 0;     // S
};
SparseShape sparse_shape(const SurfaceSettings& settings);

class LossSurface {
 public:
  LossSurface(const LawParameters& law, const SurfaceSettings& settings);
  LossSurface(const FormParameters& form, std::vector<double> values, const FlopsPerToken& flops,
              const SurfaceSettings& settings);

  double operator()(double params, double tokens) const { return floor_ + excess(params, tokens); }
  // The loss without floor(): keeps its digits where the comparison is between close neighbours.
  double excess(double params, double tokens) const;
  // A constant that every model pays: Chinchilla's E; 0 for other forms.
  double floor() const { return floor_; }

  // No model of the family gets below it, whatever N and D.
  double infimum() const;

  // The law when it is Chinchilla's and no token repeats: the closed forms hold.
  const LawParameters* chinchilla() const;

 private:
  double of_form(double params, double tokens) const;

  SurfaceSettings settings_;
  SparseShape shape_;
  LawParameters law_;
  double floor_ = 0;
  const LawForm* form_ = nullptr;  // null: Chinchilla's
  std::vector<double> values_;
  FlopsPerToken flops_ = FlopsPerToken::six_n();
};

LossSurface surface_of(const LawFit& fit, const SurfaceSettings& settings = {});

// One a draw of the fit; empty for laws without draws.
std::vector<LossSurface> draw_surfaces(const LawFit& fit, const SurfaceSettings& settings = {});

// A sparse model's total parameters; N itself for a dense one.
double total_params(double active_params, const SurfaceSettings& settings);

// The settings with the weights of the fit's own runs.
SurfaceSettings settled(const LawFit& fit, SurfaceSettings settings);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_LOSS_SURFACE_H_
