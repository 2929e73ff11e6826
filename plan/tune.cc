#include "plan/tune.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/error.h"
#include "core/rate_rule.h"
#include "core/shape_rule.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr const char* kOwnRule = "isoflop";
constexpr double kWarmupShare = 0.05;  // of the steps: TrainSpec's default

void check_request(const TuneRequest& request) {
  const auto check = [](const char* what, double value) {
    if (value > 0 && std::isfinite(value)) return;
    throw usage_error(fmt::format("tune: {}: {}: must be positive and finite", what, value));
  };
  check("--params", request.params);
  check("--tokens", request.tokens);
  static constexpr std::int64_t kMost = std::int64_t{1} << 31;
  const auto check_count = [](const char* what, std::int64_t value) {
    if (value >= 1 && value <= kMost) return;
    throw usage_error(fmt::format("tune: {}: {}: must be from 1 to {}", what, value, kMost));
  };
  check_count("--context", request.base.context);
  check_count("--vocab", request.base.vocab);
}

void check_value(const HyperLaw& law, const char* what, const std::optional<Interval>& value) {
  if (!value || (value->value > 0 && std::isfinite(value->value))) return;
  throw usage_error(
      fmt::format("tune: law {}: its {} there is {}, no number above 0: use another "
                  "law, or a model nearer to what it was measured at",
                  law.name, what, value->value));
}

std::string formula_of(const HyperLaw& law) {
  std::string out;
  if (law.rate) out = "rate " + power_text(law.rate->power);
  if (law.batch) out += (out.empty() ? "" : ", ") + ("batch " + power_text(law.batch->power));
  return out;
}

void fill_batch(const TuneRequest& request, TunedSetting& setting) {
  if (!setting.batch) return;
  const auto context = static_cast<double>(request.base.context);
  setting.sequences = std::max(1.0, std::round(setting.batch->value / context));
  setting.steps = std::ceil(request.tokens / (*setting.sequences * context));
}

TunedSetting setting_of(const HyperLaw& law, const HyperPoint& point, const TuneRequest& request) {
  TunedSetting out{.law = law.name,
                   .citation = law.citation,
                   .counted = std::string(name_of(law.counted)),
                   .formula = formula_of(law),
                   .rate = rate_at(law, point),
                   .batch = batch_at(law, point),
                   .range = range_text(law),
                   .outside = outside_of(law, point)};
  check_value(law, "rate", out.rate);
  check_value(law, "batch", out.batch);
  if (law.warmup_per_param > 0) {
    out.warmup_tokens = law.warmup_per_param * params_as(law.counted, point);
  }
  fill_batch(request, out);
  return out;
}

// The program's own rule as a row like any other.
TunedSetting setting_of_rule(const HyperPoint& point, const TuneRequest& request) {
  const HyperLaw ranges{.name = kOwnRule, .params = {3e3, 3e6}, .tokens = {70e3, 5e6}};
  const RateAndBatch rule =
      rate_rule(request.params, request.tokens, request.base.context, request.schedule);
  const auto batch = static_cast<double>(rule.batch * request.base.context);
  TunedSetting out{
      .law = kOwnRule,
      .citation = "core/rate_rule.h, measured on byte-level models",
      .formula = "rate N^-0.45 within 3e-4 and 0.03, batch sqrt(D / 2e5) x 128 within 2 and 16",
      .rate = Interval{.value = rule.rate, .low = std::nullopt, .high = std::nullopt},
      .batch = Interval{.value = batch, .low = std::nullopt, .high = std::nullopt},
      .warmup_tokens = rule.warmup_tokens > 0 ? rule.warmup_tokens : kWarmupShare * request.tokens,
      .range = range_text(ranges),
      .outside = outside_of(ranges, point)};
  fill_batch(request, out);
  return out;
}

std::vector<TunedSetting> settings_of(const TuneRequest& request, const HyperPoint& point) {
  std::vector<TunedSetting> out;
  if (request.own) out.push_back(setting_of(*request.own, point, request));
  if (!request.law.empty() && request.law != kOwnRule) {
    out.push_back(setting_of(published_hyper_law(request.law), point, request));
    return out;
  }
  if (request.law.empty()) {
    for (const HyperLaw& law : published_hyper_laws()) {
      out.push_back(setting_of(law, point, request));
    }
  }
  out.push_back(setting_of_rule(point, request));
  return out;
}

std::size_t place_of_law(const TuneAnswer& answer, const std::string& law) {
  const auto found = std::find_if(answer.settings.begin(), answer.settings.end(),
                                  [&](const TunedSetting& s) { return s.law == law; });
  return found == answer.settings.end() ? 0
                                        : static_cast<std::size_t>(found - answer.settings.begin());
}

void choose(const TuneRequest& request, TuneAnswer& answer) {
  if (request.own || !request.law.empty()) {
    answer.because = request.own ? "fitted to own sweeps" : "asked for";
    return;
  }
  for (std::size_t i = 0; i < answer.settings.size(); ++i) {
    const TunedSetting& s = answer.settings[i];
    if (!s.rate || !s.batch || !s.outside.empty()) continue;
    answer.chosen = i;
    answer.because = "the first whose range the model lies in";
    return;
  }
  const bool small = request.params < kStepLawFrom;
  answer.chosen = place_of_law(answer, small ? kOwnRule : "steplaw");
  answer.because = fmt::format("the model lies in no law's range; {} {} parameters is the nearest",
                               small ? "below" : "from", format_quantity(kStepLawFrom));
}

}  // namespace

std::optional<HyperPoint> shaped_point_near(double params, double tokens, const ModelConfig& base) {
  try {
    HyperPoint point = hyper_point(shape_for_params(params, base), tokens);
    const double scale = params / point.params;
    point.params = params;
    point.nonembedding_params *= scale;
    point.linear_params *= scale;
    point.flops *= scale;
    return point;
  } catch (const Error&) {
    return std::nullopt;
  }
}

HyperPoint hyper_point_near(double params, double tokens, const ModelConfig& base) {
  return shaped_point_near(params, tokens, base).value_or(hyper_point(params, tokens));
}

TuneAnswer tune(const TuneRequest& request) {
  check_request(request);
  const auto shaped = shaped_point_near(request.params, request.tokens, request.base);
  const HyperPoint point = shaped.value_or(hyper_point(request.params, request.tokens));
  TuneAnswer answer{.params = request.params,
                    .tokens = request.tokens,
                    .context = request.base.context,
                    .schedule = request.schedule,
                    .level = request.own ? request.own->level : 0.9,
                    .settings = settings_of(request, point)};
  choose(request, answer);
  answer.assumptions.push_back(
      shaped
          ? fmt::format("a dense model by the shape rule, vocabulary {}: {} parameters without "
                        "embeddings and head, {:.3g} FLOP in its blocks",
                        request.base.vocab, format_quantity(point.nonembedding_params), point.flops)
          : fmt::format("N alone, {}, however a law counts it, and C = 6 N D: the shape rule has "
                        "no model of that size with vocabulary {}",
                        format_quantity(request.params), request.base.vocab));
  answer.assumptions.push_back(
      "AdamW and a schedule that ends at D, as the laws' runs had (nanochat's: Muon)");
  return answer;
}

}  // namespace isoflop
