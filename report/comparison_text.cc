// Models under laws; the other two comparisons are in comparison_fits_text.cc and
// comparison_sizes_text.cc.
#include "report/comparison_text.h"

#include <algorithm>
#include <cmath>

#include "core/units.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

std::string model_in_words(const ComparedModel& model) {
  return model.name + " (" + format_quantity(model.params) + " on " +
         format_quantity(model.tokens) + ")";
}

std::string times_text(double value) { return with_decimals(value, 2) + "x"; }

// "0.025 to 0.057", or one number where the ends read the same.
std::string span_text(double low, double high, std::string (*format)(double)) {
  const std::string a = format(low);
  const std::string b = format(high);
  return a == b ? a : a + " to " + b;
}

struct Span {
  double low = INFINITY;
  double high = -INFINITY;

  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// Over all laws: what model `index` loses to the reference, and what it wastes.
Span losses_to_reference(const ModelComparison& c, std::size_t index) {
  Span span;
  for (const LawVerdict& law : c.laws) span.add(law.models[index].difference.value);
  return span;
}

Span wastes_of(const ModelComparison& c, std::size_t index) {
  Span span;
  for (const LawVerdict& law : c.laws) span.add(law.models[index].waste.value);
  return span;
}

std::string laws_in_words(const ModelComparison& c) {
  const auto wins = std::count_if(c.laws.begin(), c.laws.end(),
                                  [&](const LawVerdict& law) { return law.best == c.reference; });
  const auto all = static_cast<std::ptrdiff_t>(c.laws.size());
  if (all == 1) return " under " + c.laws[0].law;
  if (wins == all) return " under all " + std::to_string(all) + " laws";
  return " under " + std::to_string(wins) + " of " + std::to_string(all) + " laws";
}

std::string model_answer(const ModelComparison& c) {
  const bool two = c.models.size() == 2;
  const std::size_t other = c.reference == 0 ? 1 : 0;
  std::string out = model_in_words(c.models[c.reference]) + " is predicted to be better than ";
  out += two ? model_in_words(c.models[other])
             : "the other " + std::to_string(c.models.size() - 1) + " models";
  out += laws_in_words(c);
  if (!two) return out + '\n';
  const Span gap = losses_to_reference(c, other);
  const Span waste = wastes_of(c, other);
  const double ratio = 1 / c.costs[other].inference_ratio;
  out += ", by " + span_text(gap.low, gap.high, fixed4) + " nats a token; a token costs " +
         times_text(ratio) + " as much to serve and to fine-tune on; " + c.models[other].name +
         " took " + span_text(waste.low, waste.high, times_text) +
         " the compute that its loss needs\n";
  return out;
}

std::string difference_text(const ModelComparison& c, std::size_t i, const ModelUnderLaw& model) {
  return i == c.reference ? "-" : interval_text(model.difference, fixed4);
}

TextTable law_table(const ModelComparison& c) {
  TextTable table{{"law", "model", "loss", "behind", "compute / needed", "best N for its C",
                   "best D", "loss there"},
                  {}};
  for (const LawVerdict& law : c.laws) {
    for (std::size_t i = 0; i < c.models.size(); ++i) {
      const ModelUnderLaw& model = law.models[i];
      table.rows.push_back({law.law, c.models[i].name, interval_text(model.loss, fixed4),
                            difference_text(c, i, model), interval_text(model.waste, times_text),
                            interval_text(model.best_params, format_quantity),
                            interval_text(model.best_tokens, format_quantity),
                            interval_text(model.best_loss, fixed4)});
    }
  }
  return table;
}

std::string counted_text(const ModelCosts& costs, const std::string& convention) {
  for (const CountedFlops& counted : costs.training) {
    if (counted.convention == convention) return format_flops(counted.flops);
  }
  return "-";
}

TextTable cost_table(const ModelComparison& c) {
  TextTable table{{"model", "N", "D", "D/N", "C: 6 N D", "published", "App. F layers",
                   "App. F printed", "serve a token", "ratio", "fine-tune a token", "ratio"},
                  {}};
  for (std::size_t i = 0; i < c.models.size(); ++i) {
    const ModelCosts& costs = c.costs[i];
    table.rows.push_back({c.models[i].name, format_quantity(c.models[i].params),
                          format_quantity(c.models[i].tokens),
                          with_decimals(costs.tokens_per_param, 2), counted_text(costs, "6nd"),
                          counted_text(costs, "published"), counted_text(costs, "hoffmann-layers"),
                          counted_text(costs, "hoffmann"), format_flops(costs.inference),
                          times_text(costs.inference_ratio), format_flops(costs.fine_tuning),
                          times_text(costs.fine_tuning_ratio)});
  }
  return table;
}

bool any_draws(const ModelComparison& c) {
  return std::any_of(c.laws.begin(), c.laws.end(),
                     [](const LawVerdict& law) { return law.models[0].loss.low.has_value(); });
}

std::string share_lines(const ModelComparison& c) {
  std::string out;
  for (const LawVerdict& law : c.laws) {
    for (std::size_t i = 0; i < c.models.size(); ++i) {
      if (!law.models[i].better_share) continue;
      out += "under " + law.law + " " + c.models[i].name + " beats " + c.models[c.reference].name +
             " in " + with_decimals(100 * *law.models[i].better_share, 1) + " % of the draws\n";
    }
  }
  return out;
}

std::string exact_or_empty(const std::optional<double>& value) {
  return value ? exact_number(*value) : "";
}

void add_cells(const Interval& interval, std::vector<std::string>& row) {
  row.push_back(exact_number(interval.value));
  row.push_back(exact_or_empty(interval.low));
  row.push_back(exact_or_empty(interval.high));
}

}  // namespace

std::string comparison_text(const ModelComparison& c, bool markdown) {
  const auto as_text = markdown ? markdown_text : aligned_text;
  std::string out = model_answer(c) + '\n' + as_text(law_table(c)) + '\n' + as_text(cost_table(c)) +
                    '\n' + share_lines(c);
  out += "behind: loss above " + c.models[c.reference].name +
         "'s. compute / needed: C over the least C that reaches its loss. Losses are what each law "
         "says of its own data and tokenizer, not what the models score\n";
  if (any_draws(c)) {
    out += "brackets: " + level_text(c.laws.back().interval_level) +
           " over the draws of a fit, differences paired; published laws have no draws\n";
  }
  for (const LawVerdict& law : c.laws) {
    for (const Warning& warning : law.warnings) {
      out += warning_lines({{warning.code, "under " + law.law + ": " + warning.message}});
    }
  }
  return out + warning_lines(c.warnings);
}

TextTable comparison_table(const ModelComparison& c) {
  TextTable table{{"law", "model", "params", "tokens", "flops", "convention"}, {}};
  for (const char* name :
       {"loss", "difference", "waste", "best_params", "best_tokens", "best_loss"}) {
    for (const char* end : {"", "_low", "_high"}) table.columns.push_back(std::string(name) + end);
  }
  for (const LawVerdict& law : c.laws) {
    for (std::size_t i = 0; i < c.models.size(); ++i) {
      const ModelUnderLaw& model = law.models[i];
      std::vector<std::string> row{law.law,
                                   c.models[i].name,
                                   exact_number(c.models[i].params),
                                   exact_number(c.models[i].tokens),
                                   exact_number(model.flops),
                                   law.convention};
      for (const Interval* interval : {&model.loss, &model.difference, &model.waste,
                                       &model.best_params, &model.best_tokens, &model.best_loss}) {
        add_cells(*interval, row);
      }
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

}  // namespace isoflop
