#include "app/early_law.h"

#include <cmath>
#include <utility>

#include "app/study.h"
#include "app/study_flops.h"
#include "core/error.h"
#include "core/units.h"
#include "fit/fit_law.h"
#include "plan/make_plan.h"
#include "report/numbers_text.h"

namespace isoflop {
namespace {

constexpr std::int64_t kFewestTrials = 6;
constexpr double kShareOfTime = 0.05;
constexpr double kShareBeforeTheFirst = 0.25;
constexpr int kEarlyDraws = 300;

}  // namespace

EarlyLaw::EarlyLaw(const std::string& db, double target_flops,
                   std::function<void(const std::string&)> said)
    : db_(db), target_flops_(target_flops), said_(std::move(said)), next_look_(kFewestTrials) {}

void EarlyLaw::look(const SweepStatus& status) {
  // The end has a fit of its own.
  if (status.done < next_look_ || status.ended() == status.trials()) return;
  const double share = has_law_ ? kShareOfTime : kShareBeforeTheFirst;
  if (since_.seconds() * share < last_cost_) return;
  next_look_ = status.done + std::max<std::int64_t>(1, status.done / 4);
  const Stopwatch cost;
  const auto text = law_text(Store(db_, StoreMode::kReadOnly), status);
  last_cost_ = cost.seconds();
  since_.restart();
  if (!text) return;
  has_law_ = true;
  said_(*text);
}

std::optional<std::string> EarlyLaw::law_text(const Store& store, const SweepStatus& status) const {
  try {
    const FlopConvention convention = convention_of(store, status.study);
    const LawFit fit = fit_law(store.results(status.study, convention), "",
                               {.draws = kEarlyDraws,
                                .threads = 1,
                                .isoflop = false,
                                .backtest = false,
                                .flops = flops_of(store, status.study, convention)});
    const Plan plan = make_plan(fit, target_flops_, {});
    const auto percent = std::lround(100 * status.flops_done / status.flops_total);
    return "so far, from " + std::to_string(status.done) + " of " +
           std::to_string(status.trials()) + " trials and " + std::to_string(percent) +
           " % of the FLOPs: N* " + interval_text(plan.params, format_quantity) + " at " +
           format_flops(target_flops_) + " FLOP (" + std::string(name_of(convention)) + "), " +
           level_text(fit.interval_level);
  } catch (const Error&) {
    return std::nullopt;  // too few yet, or of one budget
  }
}

}  // namespace isoflop
