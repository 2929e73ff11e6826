#include "core/recipe.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace isoflop {
namespace {

// What a grid, its rules or the corpus decide for each trial.
constexpr std::array<std::string_view, 17> kOfOneTrial = {"trainer",
                                                          "seed",
                                                          "recipe_version",
                                                          "tabular_params",
                                                          "model.layers",
                                                          "model.width",
                                                          "model.heads",
                                                          "model.head_size",
                                                          "model.hidden",
                                                          "data.hash",
                                                          "data.epochs",
                                                          "data.unique_tokens",
                                                          "train.tokens",
                                                          "train.batch",
                                                          "train.rate",
                                                          "train.warmup",
                                                          "train.warmup_tokens"};

// A plan has defaults of its own for these.
constexpr std::array<std::string_view, 2> kAlwaysSaid = {"model.vocab", "model.context"};

template <class Keys>
bool is_among(const Keys& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

bool has_meaning(const Trial& trial, std::string_view key) {
  const bool of_masks = key.starts_with("train.mask_") || key == "train.whole_words" ||
                        key == "model.mask_fraction" || key == "model.next_sentence";
  if (of_masks) return trial.model.masked();
  const bool of_experts = key == "model.experts_per_token" || key == "model.granularity" ||
                          key == "model.shared_experts" || key == "model.router" ||
                          key == "model.capacity_factor" || key == "train.balance_loss" ||
                          key == "train.router_z_loss";
  if (of_experts) return trial.model.sparse();
  return !key.starts_with("data.zipf_") || trial.data.source == "zipf";
}

}  // namespace

Recipe recipe_of(std::span<const Trial> trials) {
  Recipe recipe;
  if (trials.empty()) return recipe;
  const Trial defaults;
  for (const std::string& key : trial_keys()) {
    if (is_among(kOfOneTrial, key)) continue;
    const std::string value = get_key(trials.front(), key);
    if (value == get_key(defaults, key) && !is_among(kAlwaysSaid, key)) continue;
    const bool shared = std::all_of(trials.begin(), trials.end(), [&](const Trial& trial) {
      return trial.trainer != "tabular" && has_meaning(trial, key) && get_key(trial, key) == value;
    });
    if (shared) recipe[key] = value;
  }
  return recipe;
}

ModelConfig model_of(const Recipe& recipe, const ModelConfig& base) {
  Trial trial{.model = base};
  for (const auto& [key, value] : recipe) {
    if (key.starts_with("model.")) set_key(trial, key, value);
  }
  return trial.model;
}

}  // namespace isoflop
