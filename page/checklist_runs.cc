// Groups 1, 2 and 4 of the checklist: the law's form, how things are counted and how losses were
// collected; group 3 is checklist_training.cc.
#include <algorithm>
#include <set>
#include <string>

#include "core/units.h"
#include "law/law_form.h"
#include "page/checklist_groups.h"
#include "page/trials_seen.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

using Items = std::vector<ChecklistItem>;

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
