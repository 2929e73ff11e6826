// Group 3 of the checklist: how the runs were trained.
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "core/rate_rule.h"
#include "core/units.h"
#include "page/checklist_groups.h"
#include "page/trials_seen.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

std::set<double> sizes_in(const ReportData& data) {
  std::set<double> sizes;
  for (const Observation& o : data.observations) sizes.insert(o.params);
  return sizes;
}

std::string tokens_text(const ReportData& data) {
  std::set<double> tokens;
  for (const Observation& o : data.observations) tokens.insert(o.tokens);
  return values_text(tokens, format_quantity);
}

std::string rate_text(const TrialsSeen& trials) {
  if (!trials.trained()) return trials.if_trained("");
  const bool by_rule = trials.all([](const Trial& t) {
    const double rule =
        rate_rule(active_params_of(t), t.train.tokens, t.model.context, t.train.schedule).rate;
    return std::abs(t.train.rate / rule - 1) < 1e-6;
  });
  return trials.numbers([](const Trial& t) { return t.train.rate; }, exact_number) +
         (by_rule ? ", by the rule N^-0.45 of isoflop" : ", as the grid sets it");
}

std::string warmup_text(const TrialsSeen& trials) {
  return trials.words([](const Trial& t) {
    return t.train.warmup_tokens > 0 ? format_quantity(t.train.warmup_tokens) + " tokens"
                                     : with_decimals(100 * t.train.warmup, 1) + " % of the steps";
  });
}

std::string tuning_text(const ReportData& data, const TrialsSeen& trials) {
  if (!trials.trained()) return trials.if_trained("");
  if (data.sweep->rungs.empty()) return "not tuned: this sweep has no bracket of rates";
  std::string out = "brackets at " + numbered(data.sweep->rungs.size(), "size");
  std::set<double> ratios;
  std::size_t edges = 0;
  for (const RateRung& rung : data.sweep->rungs) {
    ratios.insert(rung.ratio);
    edges += rung.at_edge ? 1 : 0;
  }
  out += ": best rate over the one used " + values_text(ratios, format_quantity);
  return out + (edges == 0 ? ", none at an edge"
                           : ", at the bracket's edge for " + numbered(edges, "size"));
}

std::string schedule_text(const TrialsSeen& trials) {
  return trials.words([](const Trial& t) {
    return t.train.schedule == "cosine"
               ? std::string("cosine over exactly the run's own tokens")
               : t.train.schedule + ": constant, then down over the last " +
                     with_decimals(100 * t.train.cooldown, 0) + " % (" + t.train.cooldown_shape +
                     ")";
  });
}

std::string optimizer_text(const TrialsSeen& trials) {
  return trials.words([](const Trial& t) {
    return "AdamW (" + exact_number(t.train.beta1) + ", " + exact_number(t.train.beta2) +
           "), epsilon " + exact_number(t.train.epsilon) + ", weight decay " +
           exact_number(t.train.weight_decay) + ", gradient clipped at " +
           exact_number(t.train.clip) + ", " + t.train.dtype;
  });
}

// The smallest and the largest, where there are many.
std::string shapes_text(const ReportData& data) {
  std::map<double, std::string> shapes;
  if (!data.sweep) return "";
  for (const Trial& trial : data.sweep->trials) {
    shapes[params_of(trial)] = shape_name(trial.model);
  }
  if (shapes.empty()) return "";
  if (shapes.size() > kMostNamed) {
    return shapes.begin()->second + " to " + shapes.rbegin()->second + " (" +
           numbered(shapes.size(), "shape") + ")";
  }
  std::string out;
  for (const auto& [params, shape] : shapes) out += (out.empty() ? "" : "; ") + shape;
  return out;
}

std::string block_text(const TrialsSeen& trials) {
  return trials.words([](const Trial& t) {
    const ModelConfig& m = t.model;
    return std::string("decoder, ") + (m.positions == Positions::kRotary ? "rotary" : "learned") +
           " positions, " + (m.norm == Norm::kRmsNorm ? "RMSNorm" : "LayerNorm") +
           (m.qk_norm ? ", QK-norm" : "") + ", " +
           (m.feed_forward == FeedForward::kGelu ? "GELU" : "SwiGLU") + ", no biases";
  });
}

std::string corpus_text(const ReportData& data, const TrialsSeen& trials) {
  if (!data.sweep) return "";
  std::string out;
  for (const CorpusManifest& corpus : data.sweep->corpora) {
    out += (out.empty() ? "" : "; ") + corpus.name + ", " +
           (corpus.tokens > 0 ? format_quantity(static_cast<double>(corpus.tokens)) + " tokens, "
                              : "") +
           "sha256 " + corpus.identity().substr(0, 12);
  }
  if (!out.empty() || !trials.any() || trials.first().data.source != "zipf") return out;
  const DataSpec& zipf = trials.first().data;
  return "Zipf facts, made: exponent 1 + " + exact_number(zipf.zipf_alpha) + ", " +
         std::to_string(zipf.zipf_digits) + " digits to base " + std::to_string(zipf.zipf_base) +
         ", seed " + std::to_string(zipf.zipf_seed);
}

std::string tokenizer_text(const ReportData& data, const TrialsSeen& trials) {
  if (!data.sweep) return "";
  std::set<std::string> words;
  for (const CorpusManifest& corpus : data.sweep->corpora) {
    words.insert(corpus.tokenizer + ", vocabulary " + std::to_string(corpus.vocab));
  }
  if (words.empty() && trials.any() && trials.first().data.source == "zipf") {
    return "none: the source makes tokens";
  }
  return words_text(words);
}

std::string seeds_text(const TrialsSeen& trials) {
  if (!trials.any()) return "";
  if (!trials.trained()) return "no noise: the tabular learner's loss is an expectation";
  return trials.numbers([](const Trial& t) { return static_cast<double>(t.seed); }, exact_number);
}

std::string noise_text(const ReportData& data, const TrialsSeen& trials) {
  if (trials.any() && !trials.trained()) return "none";
  if (!data.fit || !data.fit->noise || !data.fit->noise->replicate_sigma) return "";
  const NoiseEstimate& noise = *data.fit->noise;
  return "a run's standard deviation is " + with_decimals(100 * *noise.replicate_sigma, 3) +
         " % of the loss, from " +
         numbered(static_cast<std::size_t>(noise.replicated_points), "replicated point");
}

void add_recipe_items(const ReportData& data, const TrialsSeen& trials,
                      std::vector<ChecklistItem>& out) {
  const std::string group = "3. Training";
  const auto add = [&](const char* question, const std::string& answer) {
    out.push_back({group, question, answer});
  };
  add("What was the learning rate?", rate_text(trials));
  add("How was it tuned?", tuning_text(data, trials));
  add("What was the batch?", trials.if_trained(trials.numbers([](const Trial& t) {
    return static_cast<double>(t.train.batch) * static_cast<double>(t.model.context);
  }) + " tokens a step"));
  add("What was the warm-up?", trials.if_trained(warmup_text(trials)));
  add("Which schedule, and does it match D?", trials.if_trained(schedule_text(trials)));
  add("Which optimizer, with what settings?", trials.if_trained(optimizer_text(trials)));
  add("Which data?", corpus_text(data, trials));
  add("Which tokenizer?", tokenizer_text(data, trials));
  add("What context length?",
      trials.if_trained(
          trials.numbers([](const Trial& t) { return static_cast<double>(t.model.context); },
                         exact_number) +
          " tokens"));
  add("Which seeds?", seeds_text(trials));
  add("How large is the noise between seeds?", noise_text(data, trials));
}

}  // namespace

void add_training_items(const ReportData& data, const TrialsSeen& trials,
                        std::vector<ChecklistItem>& out) {
  const std::string group = "3. Training";
  const auto sizes = sizes_in(data);
  out.push_back({group, "How many runs, and how many sizes?",
                 data.observations.empty() ? ""
                                           : numbered(data.observations.size(), "run") + " of " +
                                                 numbered(sizes.size(), "size") + ", N " +
                                                 values_text(sizes, format_quantity)});
  out.push_back({group, "On how many tokens?", tokens_text(data)});
  out.push_back({group, "What shapes have the models?", trials.if_trained(shapes_text(data))});
  out.push_back({group, "What architecture?", trials.if_trained(block_text(trials))});
  add_recipe_items(data, trials, out);
}

}  // namespace isoflop
