// Groups 1 to 4 of the checklist: the law's form, how things are counted, how the runs were trained
// and how their losses were collected.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "core/rate_rule.h"
#include "core/units.h"
#include "law/law_form.h"
#include "page/checklist_groups.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::size_t kMostNamed = 6;  // values that are listed; more become a range

using Items = std::vector<ChecklistItem>;

std::string numbered(std::size_t count, const std::string& thing) {
  return std::to_string(count) + ' ' + thing + (count == 1 ? "" : "s");
}

// "4.2M to 1.3B (7 values)", "128".
std::string values_text(const std::set<double>& values, std::string (*format)(double)) {
  if (values.empty()) return "";
  if (values.size() == 1) return format(*values.begin());
  return format(*values.begin()) + " to " + format(*values.rbegin()) + " (" +
         numbered(values.size(), "value") + ")";
}

std::string words_text(const std::set<std::string>& words) {
  std::string out;
  if (words.size() > kMostNamed) {
    return *words.begin() + ", ..., " + *words.rbegin() + " (" + std::to_string(words.size()) + ")";
  }
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// The trials of the grid, seen through one field.
class TrialsSeen {
 public:
  explicit TrialsSeen(const ReportData& data) {
    if (data.sweep) trials_ = &data.sweep->trials;
  }
  bool any() const { return trials_ != nullptr && !trials_->empty(); }
  bool trained() const { return any() && trials_->front().trainer != "tabular"; }
  const Trial& first() const { return trials_->front(); }

  std::string numbers(const std::function<double(const Trial&)>& field,
                      std::string (*format)(double) = format_quantity) const {
    std::set<double> values;
    if (any()) {
      for (const Trial& trial : *trials_) values.insert(field(trial));
    }
    return values_text(values, format);
  }
  std::string words(const std::function<std::string(const Trial&)>& field) const {
    std::set<std::string> words;
    if (any()) {
      for (const Trial& trial : *trials_) words.insert(field(trial));
    }
    return words_text(words);
  }
  bool all(const std::function<bool(const Trial&)>& holds) const {
    return any() && std::all_of(trials_->begin(), trials_->end(), holds);
  }
  // What a trained model has and the tabular learner has not.
  std::string if_trained(const std::string& answer) const {
    if (!any()) return "";
    return trained() ? answer : "none: the tabular learner's loss is computed, not trained";
  }

 private:
  const std::vector<Trial>* trials_ = nullptr;
};

// --- 1. Form of the law.

std::string equation_of(const LawFit& fit) {
  if (!fit.has_law()) return "none: approach " + std::to_string(fit.approach) + " alone";
  if (!fit.form) return "L(N, D) = E + A / N^alpha + B / D^beta";
  for (const LawForm& form : law_forms()) {
    if (form.name == fit.form->form) return std::string(form.formula);
  }
  return fit.form->form;
}

std::string variables_of(const ReportData& data) {
  if (!data.fit || !data.fit->has_law()) return "";
  std::string out = "N parameters, D training tokens";
  if (!data.fit->form) return out;
  for (const LawForm& form : law_forms()) {
    if (form.name != data.fit->form->form) continue;
    for (const auto need : form.needs) out += ", " + std::string(need);
  }
  return out;
}

std::string fitted_range(const LawFit& fit) {
  return "N " + format_quantity(fit.params_low) + " to " + format_quantity(fit.params_high) +
         ", D " + format_quantity(fit.tokens_low) + " to " + format_quantity(fit.tokens_high) +
         ", C " + format_flops(fit.flops_low) + " to " + format_flops(fit.flops_high) + " FLOP";
}

std::string alternatives_of(const LawFit& fit) {
  std::string out;
  if (fit.diagnostics && fit.diagnostics->model_choice) {
    for (const FormTrial& form : fit.diagnostics->model_choice->forms) {
      if (!form.usable) continue;
      out += (out.empty() ? "error on the hidden largest runs: " : ", ") + form.form + ' ' +
             with_decimals(100 * form.hidden_rms, 2) + " %";
    }
  }
  return out;
}

void add_form_items(const ReportData& data, Items& out) {
  const std::string group = "1. Form of the law";
  const LawFit* fit = data.fit ? &*data.fit : nullptr;
  out.push_back({group, "What is the exact equation?", fit ? equation_of(*fit) : ""});
  out.push_back({group, "Which variables enter?", variables_of(data)});
  out.push_back(
      {group, "What is extrapolated, and to where?",
       data.plan ? "optimal N and D, and their loss, at " + format_flops(data.plan->flops) + " FLOP"
                 : ""});
  out.push_back({group, "Over what range was it fitted?", fit ? fitted_range(*fit) : ""});
  out.push_back(
      {group, "Which alternative forms were compared?", fit ? alternatives_of(*fit) : ""});
}

// --- 2. Counting.

std::string compute_count(const std::string& convention) {
  if (convention == "6nd") return "6nd: C = 6 N D";
  if (convention == "exact") return "exact: every matrix product that is computed";
  if (convention == "kaplan") return "kaplan: 6 D times the parameters outside embeddings";
  return convention + " (Hoffmann et al. 2022, App. F)";
}

std::string attention_and_logits(const std::string& convention) {
  if (convention == "6nd") return "no attention term; the head's products only as part of 6 N";
  if (convention == "exact") return "both included, attention over the full square";
  if (convention == "kaplan") return "neither";
  return convention == "hoffmann" ? "both included" : "attention included, logits not";
}

std::string unique_tokens_of(const ReportData& data) {
  double most = 0;
  for (const Observation& o : data.observations) {
    const auto unique = o.extra.find("unique_tokens");
    if (unique == o.extra.end() || !(unique->second > 0)) return "";
    most = std::max(most, o.tokens / unique->second);
  }
  if (data.observations.empty()) return "";
  return most <= 1 + 1e-9 ? "every token is seen once"
                          : "at most " + format_quantity(most) + " passes over the unique tokens";
}

void add_counting_items(const ReportData& data, const TrialsSeen& trials, Items& out) {
  const std::string group = "2. Counting";
  const std::string convention = data.fit ? data.fit->flops.convention() : "";
  out.push_back({group, "What does N count?",
                 trials.any() ? trials.trained() ? "all parameters, embeddings included"
                                                 : "the tabular learner's capacity"
                              : ""});
  out.push_back({group, "Is the output head tied to the embedding?",
                 trials.if_trained(trials.words([](const Trial& t) {
                   return std::string(t.model.tied_head ? "tied" : "untied");
                 }))});
  out.push_back({group, "What does D count: unique tokens, or all?",
                 trials.any() ? "all tokens trained on" : ""});
  out.push_back({group, "How often are tokens repeated?", unique_tokens_of(data)});
  out.push_back({group, "How is C counted?", convention.empty() ? "" : compute_count(convention)});
  out.push_back({group, "Are attention and logits in C?",
                 convention.empty() ? "" : attention_and_logits(convention)});
  out.push_back({group, "What is the backward pass over the forward?",
                 convention.empty() ? "" : "2, in every convention here"});
}

// --- 3. Training.

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
        rate_rule(params_of(t), t.train.tokens, t.model.context, t.train.schedule).rate;
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

void add_recipe_items(const ReportData& data, const TrialsSeen& trials, Items& out) {
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

void add_training_items(const ReportData& data, const TrialsSeen& trials, Items& out) {
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

// --- 4. Losses.

std::string several_points(const ReportData& data) {
  std::set<std::string> runs;
  for (const Observation& o : data.observations) {
    if (!o.run.empty()) runs.insert(o.run);
  }
  if (runs.empty() || runs.size() == data.observations.size()) return "";
  return "several points of a run: " + numbered(data.observations.size(), "row") + " of " +
         numbered(runs.size(), "run");
}

std::string left_out(const LawFit& fit) {
  std::string out;
  if (!fit.where.empty()) out = "taken: rows where " + fit.where;
  for (const Exclusion& e : fit.exclusions) {
    out +=
        (out.empty() ? "" : "; ") + std::string("left out: ") + e.rows + ", because: " + e.because;
  }
  return out.empty() ? "no row was left out; foreign rows are named, not dropped" : out;
}

std::string kept_rows(const ReportData& data) {
  if (!data.fit) return "";
  std::string out = numbered(static_cast<std::size_t>(data.fit->observations), "row") + " fitted";
  if (!data.sweep) return out;
  const SweepStatus& status = data.sweep->view.status;
  const auto add = [&](std::int64_t count, const char* what) {
    if (count > 0) out += ", " + std::to_string(count) + ' ' + what;
  };
  add(status.diverged, "diverged");
  add(status.in_trouble(), "failed");
  add(status.cancelled, "cancelled");
  add(status.trials() - status.ended(), "not yet ended");
  return out;
}

std::string dropping_text(const LawFit& fit) {
  if (!fit.diagnostics || !fit.diagnostics->influence) return "";
  const Influence& influence = *fit.diagnostics->influence;
  if (!influence.why_not.empty()) return "not known: " + influence.why_not;
  if (influence.rows.empty()) return "no row stands apart from the others' law";
  return "N* at " + format_flops(influence.budget) + " FLOP goes from " +
         format_quantity(influence.with.params) + " to " +
         format_quantity(influence.without.params) + " without the " +
         numbered(influence.rows.size(), "row") + " that stand apart";
}

void add_loss_items(const ReportData& data, const TrialsSeen& trials, Items& out) {
  const std::string group = "4. Losses";
  const LawFit* fit = data.fit ? &*data.fit : nullptr;
  const std::string several = several_points(data);
  const auto add = [&](const char* question, const std::string& answer) {
    out.push_back({group, question, answer});
  };
  add("Final or intermediate losses?",
      trials.any() ? "final: one loss a run, at the end of its schedule" : several);
  add("Losses of training, or held out?",
      trials.any()
          ? "held out" + (fit && !fit->set.empty() && fit->set != "heldout" ? " (" + fit->set + ")"
                                                                            : std::string())
          : "");
  add("Are losses smoothed?",
      trials.any()
          ? trials.trained()
                ? "no: one evaluation over " +
                      trials.numbers(
                          [](const Trial& t) { return static_cast<double>(t.eval_windows); },
                          exact_number) +
                      " windows"
                : "no"
          : "");
  add("Which rows were left out, by which rule?", fit ? left_out(*fit) : "");
  add("How many rows were kept and dropped?", kept_rows(data));
  add("What does dropping rows change?", fit ? dropping_text(*fit) : "");
}

}  // namespace

void add_run_groups(const ReportData& data, std::vector<ChecklistItem>& out) {
  const TrialsSeen trials(data);
  add_form_items(data, out);
  add_counting_items(data, trials, out);
  add_training_items(data, trials, out);
  add_loss_items(data, trials, out);
}

}  // namespace isoflop
