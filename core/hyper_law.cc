#include "core/hyper_law.h"

#include <array>
#include <cmath>

#include "core/error.h"
#include "core/interval.h"
#include "core/units.h"

namespace isoflop {
namespace {

struct CountName {
  CountedParams counted;
  std::string_view name;
};
constexpr std::array kCountNames{CountName{CountedParams::kAll, "all"},
                                 CountName{CountedParams::kNonEmbedding, "non-embedding"},
                                 CountName{CountedParams::kLinear, "linear"}};

HyperTerm power_of(double coefficient, double params, double tokens, double flops) {
  return {{.coefficient = coefficient, .params = params, .tokens = tokens, .flops = flops}};
}

std::vector<HyperLaw> published() {
  constexpr double kNanochatTokens = 1.32e9;  // 12 for each of its 12-layer model's 110M matrices
  return {
      {.name = "steplaw",
       .citation = "Li et al. 2025, arXiv:2503.04715",
       .counted = CountedParams::kNonEmbedding,
       .rate = power_of(1.79, -0.713, 0.307, 0),
       .batch = power_of(0.58, 0, 0.571, 0),
       .params = {60e6, 1.1e9},
       .tokens = {2e9, 100e9}},
      {.name = "deepseek",
       .citation = "DeepSeek-AI 2024, arXiv:2401.02954, eq. 1",
       .counted = CountedParams::kNonEmbedding,
       .rate = power_of(0.3118, 0, 0, -0.1250),
       .batch = power_of(0.2920, 0, 0, 0.3271),
       .flops = {1e17, 2e19}},
      {.name = "porian",
       .citation =
           "Porian et al. 2024, arXiv:2406.19146; beta2 0.99 to 220M parameters, 0.95 beyond",
       .counted = CountedParams::kLinear,
       .rate = power_of(3.7, -0.36, 0, 0),
       .batch = power_of(2048 * 0.00037, 0.703, 0, 0),
       .params = {5e6, 108e6},
       .tokens_per_param = {10, 40},
       .warmup_per_param = 1},
      {.name = "nanochat",
       .citation =
           "nanochat (github.com/karpathy/nanochat, 00255c1), for Muon; exponent of Bergsma et "
           "al. 2025, arXiv:2505.13738",
       .batch = power_of(std::exp2(19) * std::pow(kNanochatTokens, -0.383), 0, 0.383, 0),
       .tokens = {kNanochatTokens, kNanochatTokens}},
  };
}

std::optional<Interval> term_at(const std::optional<HyperTerm>& term, const HyperLaw& law,
                                const HyperPoint& point) {
  if (!term) return std::nullopt;
  std::vector<double> draws;
  for (const HyperPower& draw : term->draws) draws.push_back(value_at(draw, law.counted, point));
  Interval out =
      interval_over(value_at(term->power, law.counted, point), std::move(draws), law.level);
  // Draws of a law that is hardly known may go beyond all numbers there.
  if (out.high && !std::isfinite(*out.high)) out.low = out.high = std::nullopt;
  return out;
}

std::string times(double ratio) {
  // Three digits, as quantities are written.
  return format_quantity(ratio) + "x";
}

void add_outside(const std::string& what, double value, const HyperRange& range,
                 std::string (*format)(double), std::vector<std::string>& out) {
  // A model of nearly the size is as good as one of it.
  constexpr double kSlack = 1.001;
  if (range.low > 0 && value < range.low / kSlack) {
    out.push_back(what + " " + format(value) + " is " + times(range.low / value) + " below " +
                  format(range.low));
  }
  if (range.high > 0 && value > range.high * kSlack) {
    out.push_back(what + " " + format(value) + " is " + times(value / range.high) + " above " +
                  format(range.high));
  }
}

void add_range(const std::string& what, const HyperRange& range, std::string (*format)(double),
               std::string& out) {
  if (!(range.low > 0) && !(range.high > 0)) return;
  out += (out.empty() ? "" : ", ") + what + " " + format(range.low);
  if (range.high > range.low) out += " to " + format(range.high);
}

void add_factor(const char* symbol, double exponent, std::string& out) {
  if (exponent != 0) out += std::string(" ") + symbol + "^" + format_quantity(exponent);
}

}  // namespace

std::string_view name_of(CountedParams counted) {
  for (const CountName& row : kCountNames) {
    if (row.counted == counted) return row.name;
  }
  return "all";
}

CountedParams parse_counted_params(std::string_view name) {
  for (const CountName& row : kCountNames) {
    if (row.name == name) return row.counted;
  }
  throw usage_error("counted parameters: \"" + std::string(name) +
                    "\" is not known: use all, non-embedding or linear");
}

HyperPoint hyper_point(const ModelConfig& model, double tokens) {
  const ParamCount count = count_params(model);
  const auto matrices =
      static_cast<double>(count.attention + count.feed_forward - count.inactive + count.router);
  const auto scores =
      static_cast<double>(model.layers * model.context * model.heads * model.head_size);
  const auto blocks = static_cast<double>(count.non_embedding() - count.inactive);
  return {.params = static_cast<double>(count.active()),
          .nonembedding_params = blocks,
          .linear_params = blocks + static_cast<double>(model.vocab * model.width),
          .tokens = tokens,
          .flops = (6 * matrices + 12 * scores) * tokens};
}

HyperPoint hyper_point(double params, double tokens) {
  return {.params = params,
          .nonembedding_params = params,
          .linear_params = params,
          .tokens = tokens,
          .flops = 6 * params * tokens};
}

double params_as(CountedParams counted, const HyperPoint& point) {
  switch (counted) {
    case CountedParams::kNonEmbedding:
      return point.nonembedding_params;
    case CountedParams::kLinear:
      return point.linear_params;
    case CountedParams::kAll:
      break;
  }
  return point.params;
}

double value_at(const HyperPower& power, CountedParams counted, const HyperPoint& point) {
  const double n = params_as(counted, point);
  const double product = power.coefficient * std::pow(n, power.params) *
                         std::pow(point.tokens, power.tokens) * std::pow(point.flops, power.flops);
  if (product > 0 && std::isfinite(product)) return product;
  // A factor beyond all numbers may be made good by another.
  const auto log_of = [](double base, double exponent) {
    return exponent == 0 ? 0 : exponent * std::log(base);
  };
  return std::exp(std::log(power.coefficient) + log_of(n, power.params) +
                  log_of(point.tokens, power.tokens) + log_of(point.flops, power.flops));
}

std::optional<Interval> rate_at(const HyperLaw& law, const HyperPoint& point) {
  return term_at(law.rate, law, point);
}

std::optional<Interval> batch_at(const HyperLaw& law, const HyperPoint& point) {
  return term_at(law.batch, law, point);
}

std::vector<std::string> outside_of(const HyperLaw& law, const HyperPoint& point) {
  std::vector<std::string> out;
  const double params = params_as(law.counted, point);
  add_outside("N", params, law.params, format_quantity, out);
  add_outside("D", point.tokens, law.tokens, format_quantity, out);
  add_outside("C", point.flops, law.flops, format_flops, out);
  add_outside("D/N", point.tokens / params, law.tokens_per_param, format_quantity, out);
  return out;
}

std::string power_text(const HyperPower& power) {
  std::string out = format_quantity(power.coefficient);
  add_factor("N", power.params, out);
  add_factor("D", power.tokens, out);
  add_factor("C", power.flops, out);
  return out;
}

std::string range_text(const HyperLaw& law) {
  std::string out;
  add_range("N", law.params, format_quantity, out);
  add_range("D", law.tokens, format_quantity, out);
  add_range("C", law.flops, format_flops, out);
  add_range("D/N", law.tokens_per_param, format_quantity, out);
  return out;
}

std::span<const HyperLaw> published_hyper_laws() {
  static const std::vector<HyperLaw> laws = published();
  return laws;
}

const HyperLaw& published_hyper_law(std::string_view name) {
  std::string names;
  for (const HyperLaw& law : published_hyper_laws()) {
    if (law.name == name) return law;
    names += (names.empty() ? "" : ", ") + law.name;
  }
  throw usage_error("law of rates: " + std::string(name) + ": no such published law; known are " +
                    names);
}

}  // namespace isoflop
