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
  check_setting("experts", settings.experts);
  check_setting("granularity", settings.granularity);
  if (settings.sparsity && !(*settings.sparsity >= 0 && *settings.sparsity < 1)) {
    throw usage_error(
        fmt::format("plan: sparsity: {}: must be at least 0 and below 1", *settings.sparsity));
  }
}

void check_form(const LawForm& form, const SurfaceSettings& settings) {
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
        "plan: the law {} needs the share of idle parameters: add --sparsity 0.75 or --experts 8",
        form.name));
  }
}

}  // namespace

double effective_tokens(double tokens, double unique_tokens, double repeat_decay) {
  if (tokens <= unique_tokens) return tokens;
  const double repeats = tokens / unique_tokens - 1;
  return unique_tokens * (1 - repeat_decay * std::expm1(-repeats / repeat_decay));
}

double total_params(double active_params, const SurfaceSettings& settings) {
  if (settings.sparsity) return active_params / (1 - *settings.sparsity);
  constexpr double kFeedForwardShare = 2.0 / 3;
  const double experts = settings.experts.value_or(1);
  return active_params * (1 + kFeedForwardShare * (experts - 1));
}

LossSurface::LossSurface(const LawParameters& law, const SurfaceSettings& settings)
    : settings_(settings), law_(law), floor_(law.E) {
  check_settings(settings);
}

LossSurface::LossSurface(const FormParameters& form, std::vector<double> values,
                         const FlopsPerToken& flops, const SurfaceSettings& settings)
    : settings_(settings), form_(&law_form(form.form)), values_(std::move(values)), flops_(flops) {
  check_settings(settings);
  check_form(*form_, settings);
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
  const double total = total_params(params, settings_);
  LawPoint point{.params = knows_experts(*form_) ? total : params, .tokens = tokens};
  point.active_params = params;
  point.unique_tokens = settings_.unique_tokens.value_or(tokens);
  if (!knows_repetition && settings_.unique_tokens) {
    point.tokens = effective_tokens(tokens, *settings_.unique_tokens, settings_.repeat_decay);
  }
  point.flops = flops_(params) * point.tokens;
  point.experts = settings_.experts.value_or(1);
  point.granularity = settings_.granularity.value_or(1);
  point.sparsity = 1 - params / total;
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
                         const SurfaceSettings& settings) {
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
