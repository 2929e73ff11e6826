// Brackets of learning rates, put together from a study's rows.
#include <algorithm>
#include <limits>
#include <map>

#include "db/store.h"

namespace isoflop {
namespace {

// Trials that differ in the rate only.
struct Bracket {
  double params = 0;
  double tokens = 0;
  double rate = 0;  // the grid's
  std::vector<RateLoss> points = {};
  bool has_bracket = false;  // not only a trial of the grid
  bool open = false;         // something is still to be trained
};

void add_row(const TrialRow& row, Bracket& bracket) {
  bracket.params = row.params;
  bracket.tokens = row.tokens;
  if (row.role == TrialRole::kGrid) bracket.rate = row.trial.train.rate;
  bracket.has_bracket = bracket.has_bracket || row.role == TrialRole::kBracket;
  bracket.open =
      bracket.open || row.state == "planned" || row.state == "leased" || row.state == "running";
  const double rate = row.trial.train.rate;
  if (row.loss) bracket.points.push_back({rate, *row.loss});
  if (row.state == "diverged") {
    bracket.points.push_back({rate, std::numeric_limits<double>::infinity()});
  }
}

}  // namespace

std::vector<RateRung> Store::rate_rungs(const std::string& study,
                                        const std::string& heldout) const {
  std::map<std::string, Bracket> brackets;
  for (const TrialRow& row : bracketed_trials(study, heldout)) {
    Trial at_any_rate = row.trial;
    at_any_rate.train.rate = 0;
    add_row(row, brackets[canonical_json(at_any_rate)]);
  }
  std::vector<RateRung> rungs;
  for (const auto& [key, b] : brackets) {
    if (!b.has_bracket || b.open || b.rate == 0) continue;
    if (auto rung = rate_rung(b.params, b.tokens, b.rate, b.points)) rungs.push_back(*rung);
  }
  std::sort(rungs.begin(), rungs.end(),
            [](const RateRung& a, const RateRung& b) { return a.params < b.params; });
  return rungs;
}

}  // namespace isoflop
