// What a token of training costs, under conventions that have names and are never mixed.
//
// Only experts that a token passes through count. The head of a masked model counts for the tokens
// that it predicts. D is what a model reads: of a masked model all tokens, masked or not.
//
// Training FLOPs per token, forward and backward (backward = 2 x forward); C = this x D. With the
// symbols of model_config.h:
//
//   6nd              6 N, N = all parameters (the default of published work); of a sparse model
//   those
//                    that a token passes through, its active ones
//   exact            3 x [2 (attention + feed-forward + V d) + 4 L S h k]: every matrix product
//   that is
//                    computed, the head included whether tied or not, attention over the full S x S
//                    square (the causal half is not discounted, as in Hoffmann App. F and Megatron)
//   kaplan           6 N_non-embedding (Kaplan et al. 2020, eq. 2.2 without the context term)
//   hoffmann         Hoffmann et al. 2022, App. F as printed (embedding look-up as a matrix
//   product) hoffmann-layers  the same without embedding and final logits: the only form that gives
//   the ratios
//                    of their Table A4
#ifndef ISOFLOP_CORE_FLOPS_H_
#define ISOFLOP_CORE_FLOPS_H_

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model_config.h"

namespace isoflop {

enum class FlopConvention { k6nd, kExact, kKaplan, kHoffmann, kHoffmannLayers };

std::string_view name_of(FlopConvention convention);
std::span<const FlopConvention> all_flop_conventions();

// Throws Error(kUsage) listing the known names.
FlopConvention parse_flop_convention(std::string_view name);

double train_flops_per_token(const ModelConfig& config, FlopConvention convention);

// FLOPs per token as a function of N, for laws that know parameters but not shapes: f(N).
// Under 6nd it is 6 N. Otherwise it goes through the nodes (N, f) of the models that were trained
// or would be built, linearly in (ln N, ln f); beyond the first and last node f/N stays what it was
// there.
class FlopsPerToken {
 public:
  static FlopsPerToken six_n();
  // Nodes need not be sorted; equal N are averaged in ln f. Throws Error(kUsage) when a node is not
  // positive and finite, or there is none.
  static FlopsPerToken from_nodes(std::string convention,
                                  std::vector<std::pair<double, double>> nodes);

  double operator()(double params) const;
  const std::string& convention() const { return convention_; }
  const std::vector<std::pair<double, double>>& nodes() const { return nodes_; }
  bool is_six_n() const { return nodes_.empty(); }
  bool operator==(const FlopsPerToken&) const = default;

 private:
  std::string convention_ = "6nd";
  std::vector<std::pair<double, double>> nodes_;  // sorted by N; empty: 6 N
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_FLOPS_H_
