#include "plan/loss_surface.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/error.h"

namespace isoflop {
namespace {

// Farther out than any plan, near enough for powers of them to stay finite.
constexpr double kEndlessParams = 1e40;
constexpr double kEndlessTokens = 1e60;
// More than any law means something for.
constexpr double kMostExpertsAsked = 1e6;
constexpr double kFeedForwardShare = 2.0 / 3;
constexpr double kDenseRatio = 1 + 1e-9;  // up to it a model is dense

bool form_needs(const LawForm& form, std::string_view coordinate) {
  return std::find(form.needs.begin(), form.needs.end(), coordinate) != form.needs.end();
}

void check_setting(const char* name, const std::optional<double>& value) {
  if (!value || (*value > 0 && std::isfinite(*value))) return;
  throw usage_error(fmt::format("plan: {}: {}: must be positive and finite", name, *value));
}

void check_settings(const SurfaceSettings& settings) {
  check_setting("unique tokens", settings.unique_tokens);
  check_setting("repeat decay", settings.repeat_decay);
  if (settings.experts && !(*settings.experts >= 1 && *settings.experts <= kMostExpertsAsked)) {
    throw usage_error(fmt::format("plan: --experts: {}: must be at least 1 (dense) and at most {}",
                                  *settings.experts, kMostExpertsAsked));
  }
  check_setting("granularity", settings.granularity);
  if (settings.sparsity && !(*settings.sparsity >= 0 && *settings.sparsity < 1)) {
    throw usage_error(
        fmt::format("plan: sparsity: {}: must be at least 0 and below 1", *settings.sparsity));
  }
}

void check_granularity(std::string_view law, const LawForm* form, const SurfaceSettings& settings) {
  const auto knows = [](const FormParameter& p) { return p.only_with == "granularity"; };
  const bool known =
      form != nullptr && std::any_of(form->parameters.begin(), form->parameters.end(), knows);
  if (known || settings.granularity.value_or(1) == 1) return;
  throw usage_error(fmt::format(
      "plan: --granularity: the law {} knows nothing of it: leave it out, or take a law that does "
      "(--law krajewski2024)",
      law));
}

void check_form(const LawForm& form, const SurfaceSettings& settings) {
  check_granularity(form.name, &form, settings);
  if (form_needs(form, "experts") && !form_needs(form, "tokens")) {
    throw refusal(
        "no_trade_off",
        fmt::format("plan: the law {} is of runs that all had one number of tokens (130B in "
                    "Clark et al. 2022): it says nothing of other D and cannot share a "
                    "budget out. Fit ludziejewski or abnar to runs of several D, or take "
                    "--law ludziejewski2025",
                    form.name));
  }
  if (!form_needs(form, "params") || !form_needs(form, "tokens") ||
      form.target != LawTarget::kLoss) {
    throw refusal("no_trade_off",
                  fmt::format("plan: the law {} is not one of N and D, so that it cannot share a "
                              "budget out: take a law of both (isoflop fit --law chinchilla)",
                              form.name));
  }
  if (form_needs(form, "experts") && !settings.experts) {
    throw usage_error(
        fmt::format("plan: the law {} needs the number of experts: add --experts 8", form.name));
  }
  if (form_needs(form, "sparsity") && !settings.experts && !settings.sparsity) {
    throw usage_error(fmt::format(
        "plan: the law {} needs the share of idle experts: add --sparsity 0.75 or --experts 8",
        form.name));
  }
}

}  // namespace

double effective_tokens(double tokens, double unique_tokens, double repeat_decay) {
  if (tokens <= unique_tokens) return tokens;
  const double repeats = tokens / unique_tokens - 1;
  return unique_tokens * (1 - repeat_decay * std::expm1(-repeats / repeat_decay));
}

namespace {

using Corner = std::pair<double, double>;

// Through the corners, ascending x of which no two are equal, and straight on beyond both ends.
double along(const std::vector<Corner>& corners, double x) {
  std::size_t i = 1;
  while (i + 1 < corners.size() && x > corners[i].first) ++i;
  const auto& [x0, y0] = corners[i - 1];
  const auto& [x1, y1] = corners[i];
  return y0 + (y1 - y0) * (x - x0) / (x1 - x0);
}

// Of the sparse runs. A line needs two corners: the other one is the dense model, all of whose
// experts a token passes through.
template <class Place>
std::vector<Corner> ratio_corners(const std::vector<ExpertsWeight>& sparse, const Place& place) {
  std::vector<Corner> corners;
  for (const ExpertsWeight& w : sparse) corners.emplace_back(place(w), w.total_ratio);
  std::sort(corners.begin(), corners.end());
  const auto one_place = [](const Corner& a, const Corner& b) {
    return b.first <= a.first * kDenseRatio;
  };
  corners.erase(std::unique(corners.begin(), corners.end(), one_place), corners.end());
  if (corners.size() > 1) return corners;
  const ExpertsWeight& one = sparse.front();
  const double all =
      one.active_experts > 0 ? place({one.active_experts, 1, one.active_experts}) : 1;
  corners.insert(corners.begin(), {all, 1});
  return corners;
}

double active_experts_at(const std::vector<ExpertsWeight>& sparse, double experts) {
  const auto above = std::find_if(sparse.begin(), sparse.end(),
                                  [&](const auto& w) { return w.experts >= experts; });
  if (above == sparse.begin() || sparse.size() == 1) return sparse.front().active_experts;
  if (above == sparse.end()) return sparse.back().active_experts;
  const ExpertsWeight& below = *(above - 1);
  const double share = (experts - below.experts) / (above->experts - below.experts);
  return below.active_experts + share * (above->active_experts - below.active_experts);
}

SparseShape measured_shape(const std::vector<ExpertsWeight>& sparse,
                           const SurfaceSettings& settings) {
  if (settings.sparsity) {
    const auto by_share = ratio_corners(sparse, [](const ExpertsWeight& w) {
      return w.experts / (w.active_experts > 0 ? w.active_experts : 1);
    });
    return {std::max(1.0, along(by_share, 1 / (1 - *settings.sparsity))), *settings.sparsity};
  }
  const double experts = settings.experts.value_or(1);
  for (std::size_t i = 1; i < sparse.size(); ++i) {
    if (sparse[i].experts != sparse[i - 1].experts) continue;
    throw usage_error(
        fmt::format("plan: --experts: the fitted runs of {} experts differ in how "
                    "many of them a token passes through: give --sparsity",
                    sparse[i].experts));
  }
  const auto by_experts = ratio_corners(sparse, [](const ExpertsWeight& w) { return w.experts; });
  const double active = std::max(1.0, active_experts_at(sparse, experts));
  const double ratio = along(by_experts, experts);
  if (ratio <= kDenseRatio) return {};
  return {ratio, std::max(0.0, 1 - active / experts)};
}

}  // namespace

SparseShape sparse_shape(const SurfaceSettings& settings) {
  if (!settings.experts && !settings.sparsity) return {};
  const auto is_dense = [](const ExpertsWeight& w) { return w.total_ratio <= kDenseRatio; };
  std::vector<ExpertsWeight> kept = settings.weights;
  const auto sparse = std::find_if_not(kept.begin(), kept.end(), is_dense);
  if (sparse != kept.end()) {
    for (const ExpertsWeight& w : kept) {
      if (is_dense(w) && settings.experts && *settings.experts <= w.experts) return {};
    }
    // Dense runs are where the line begins only if as many experts are active there.
    const double active = sparse->active_experts;
    std::erase_if(
        kept, [&](const ExpertsWeight& w) { return is_dense(w) && w.active_experts != active; });
    return measured_shape(kept, settings);
  }
  const double experts = settings.sparsity ? 1 / (1 - *settings.sparsity) : *settings.experts;
  return {1 + kFeedForwardShare * (experts - 1),
          settings.sparsity ? *settings.sparsity : 1 - 1 / experts};
}

double total_params(double active_params, const SurfaceSettings& settings) {
  return active_params * sparse_shape(settings).total_ratio;
}

SurfaceSettings settled(const LawFit& fit, SurfaceSettings settings) {
  if (settings.weights.empty()) settings.weights = fit.experts_weights;
  return settings;
}

LossSurface::LossSurface(const LawParameters& law, const SurfaceSettings& settings)
    : settings_(settings), law_(law), floor_(law.E) {
  check_settings(settings);
  check_granularity("chinchilla", nullptr, settings);
}

LossSurface::LossSurface(const FormParameters& form, std::vector<double> values,
                         const FlopsPerToken& flops, const SurfaceSettings& settings)
    : settings_(settings), form_(&law_form(form.form)), values_(std::move(values)), flops_(flops) {
  check_settings(settings);
  check_form(*form_, settings);
  shape_ = sparse_shape(settings);
}

double LossSurface::excess(double params, double tokens) const {
  if (form_ != nullptr) return of_form(params, tokens);
  const double d = settings_.unique_tokens
                       ? effective_tokens(tokens, *settings_.unique_tokens, settings_.repeat_decay)
                       : tokens;
  return law_.A * std::pow(params, -law_.alpha) + law_.B * std::pow(d, -law_.beta);
}

double LossSurface::of_form(double params, double tokens) const {
  const bool knows_repetition = form_needs(*form_, "unique_tokens");
  LawPoint point{.params = knows_experts(*form_) ? params * shape_.total_ratio : params,
                 .tokens = tokens};
  point.active_params = params;
  point.unique_tokens = settings_.unique_tokens.value_or(tokens);
  if (!knows_repetition && settings_.unique_tokens) {
    point.tokens = effective_tokens(tokens, *settings_.unique_tokens, settings_.repeat_decay);
  }
  point.flops = flops_(params) * point.tokens;
  point.experts = settings_.experts.value_or(1);
  point.granularity = settings_.granularity.value_or(1);
  point.sparsity = shape_.sparsity;
  return form_->predict(values_, point, nullptr);
}

double LossSurface::infimum() const {
  const bool closed = chinchilla() != nullptr && law_.alpha > 0 && law_.beta > 0;
  return closed ? floor_ : (*this)(kEndlessParams, kEndlessTokens);
}

const LawParameters* LossSurface::chinchilla() const {
  return form_ == nullptr && !settings_.unique_tokens ? &law_ : nullptr;
}

namespace {

LossSurface form_surface(const LawFit& fit, const std::vector<double>& v,
                         const SurfaceSettings& given) {
  const SurfaceSettings settings = settled(fit, given);
  // Chinchilla's own form keeps its closed optimum.
  if (fit.form->form == "chinchilla") {
    return {LawParameters{.E = v[0], .A = v[1], .B = v[2], .alpha = v[3], .beta = v[4]}, settings};
  }
  return {*fit.form, v, fit.flops, settings};
}

}  // namespace

LossSurface surface_of(const LawFit& fit, const SurfaceSettings& settings) {
  if (!fit.has_law()) {
    throw refusal("no_law",
                  fmt::format("{}: a fit of approach {} alone has exponents and no loss law; "
                              "fit again with --approach 3 or all",
                              fit.source, fit.approach));
  }
  if (!fit.form) return {fit.parameters, settings};
  return form_surface(fit, fit.form->values, settings);
}

std::vector<LossSurface> draw_surfaces(const LawFit& fit, const SurfaceSettings& settings) {
  std::vector<LossSurface> surfaces;
  if (!fit.form) {
    for (const LawParameters& draw : fit.draws) surfaces.emplace_back(draw, settings);
    return surfaces;
  }
  for (const std::vector<double>& draw : fit.form->draws) {
    surfaces.push_back(form_surface(fit, draw, settings));
  }
  return surfaces;
}

}  // namespace isoflop
