#include "io/design_json.h"

#include "io/json.h"

namespace isoflop {

std::string suggestions_json(const Suggestions& suggestions) {
  Json json = {{"flops", finite(suggestions.target_flops, "flops")},
               {"convention", suggestions.convention},
               {"interval_level", finite(suggestions.level, "interval_level")},
               {"noise", finite(suggestions.noise, "noise")},
               {"params", interval_json(suggestions.params, "params")},
               {"spread", finite(suggestions.spread, "spread")},
               {"runs", Json::array()}};
  for (const SuggestedRun& run : suggestions.runs) {
    json["runs"].push_back({{"params", finite(run.params, "runs.params")},
                            {"tokens", finite(run.tokens, "runs.tokens")},
                            {"flops", finite(run.flops, "runs.flops")},
                            {"loss", finite(run.loss, "runs.loss")},
                            {"spread", finite(run.spread, "runs.spread")}});
  }
  return json_text(json);
}

std::string planned_grid_json(const PlannedGridAnswer& answer) {
  return json_text({{"flops", finite(answer.target_flops, "flops")},
                    {"convention", answer.convention},
                    {"interval_level", finite(answer.level, "interval_level")},
                    {"points", answer.points},
                    {"grid_flops", finite(answer.flops, "grid_flops")},
                    {"largest_flops", finite(answer.largest_flops, "largest_flops")},
                    {"simulations", answer.simulations},
                    {"without_optimum", answer.without_optimum},
                    {"params", interval_json(answer.params, "params")},
                    {"loss", interval_json(answer.loss, "loss")},
                    {"a", interval_json(answer.a, "a")},
                    {"spread", finite(answer.spread, "spread")},
                    {"bias", finite(answer.bias, "bias")}});
}

}  // namespace isoflop
