#include "design/adaptive_batch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "design/law_belief.h"
#include "design/shared_noise.h"

namespace isoflop {
namespace {

// One guess of the law: what is known under it and each point's gradient.
struct GuessedLaw {
  LawBelief belief;
  std::vector<LawVector> gradients;
  double start = 0;  // variance of ln N* before the batch
};

class BatchBuilder {
 public:
  BatchBuilder(BatchRequest request, const AdaptiveOptions& options);
  ChosenBatch build();

 private:
  struct Offer {
    std::size_t point = 0;
    std::size_t cell = 0;
    double price = 0;
    double worth = 0;
  };
  LawBelief::Row row_at(const GuessedLaw& law, std::size_t point, const std::string& trunk) const;
  void learn(std::size_t point, const std::string& trunk);
  void learn_what_is_known();

  std::vector<Offer> offers() const;
  void add_offers(std::size_t point, double left, std::vector<Offer>& out) const;
  double worth_of(std::size_t point, const std::string& trunk) const;
  bool is_anchor(const Offer& offer) const;
  const Offer* best_of(const std::vector<Offer>& offers, bool anchors_only) const;
  void take(const Offer& offer);
  double shrink() const;
  bool enough() const;
  void sort_cells();

  BatchRequest request_;
  AdaptiveOptions options_;
  TrunkLedger ledger_;
  std::unordered_map<std::string, std::vector<std::size_t>> trunks_;  // points of the runs known
  std::vector<int> runs_;                                             // known, of each point
  std::vector<GuessedLaw> laws_;
  ChosenBatch batch_;
  double least_anchor_ = 0;
};

BatchBuilder::BatchBuilder(BatchRequest request, const AdaptiveOptions& options)
    : request_(std::move(request)),
      options_(options),
      ledger_(request_.cells),
      runs_(request_.points.size(), 0),
      least_anchor_(least_anchor(request_.points, options)) {
  for (const LawParameters& guess : request_.guesses) {
    GuessedLaw law{.belief = LawBelief(guess, options.flops, options.target_flops, request_.noise)};
    for (const CellPoint& point : request_.points) {
      law.gradients.push_back(law.belief.gradient(point.params, point.tokens));
    }
    laws_.push_back(std::move(law));
  }
  learn_what_is_known();
  for (GuessedLaw& law : laws_) law.start = law.belief.variance();
}

void BatchBuilder::learn_what_is_known() {
  for (std::size_t p = 0; p < request_.points.size(); ++p) {
    for (const std::string& trunk : request_.points[p].runs) learn(p, trunk);
  }
}

// A further run of a point: it shares its trunk's noise with that trunk's runs, and the point's own
// error with the runs of the point.
LawBelief::Row BatchBuilder::row_at(const GuessedLaw& law, std::size_t point,
                                    const std::string& trunk) const {
  const double noise = request_.noise * request_.noise;
  const double own = request_.point_error * request_.point_error;
  LawBelief::Row row{.gradient = law.gradients[point], .variance = noise + own};
  const auto share = [&](std::size_t with, double covariance) {
    for (std::size_t i = 0; i < kLawSize; ++i) {
      row.shared[i] += covariance * law.gradients[with][i];
    }
  };
  share(point, own * runs_[point]);
  const auto found = trunk.empty() ? trunks_.end() : trunks_.find(trunk);
  if (found == trunks_.end()) return row;
  for (const std::size_t other : found->second) {
    share(other,
          noise * shared_correlation(request_.points[point].tokens, request_.points[other].tokens,
                                     options_.trunk_correlation));
  }
  return row;
}

void BatchBuilder::learn(std::size_t point, const std::string& trunk) {
  for (GuessedLaw& law : laws_) law.belief.learn(row_at(law, point, trunk));
  ++runs_[point];
  if (!trunk.empty()) trunks_[trunk].push_back(point);
}

// Mean over the guesses of the share of var(ln N*) that a further run takes away.
double BatchBuilder::worth_of(std::size_t point, const std::string& trunk) const {
  double sum = 0;
  for (const GuessedLaw& law : laws_) {
    if (!(law.start > 0)) continue;
    const double after = law.belief.variance_with(row_at(law, point, trunk));
    sum += (law.belief.variance() - after) / law.start;
  }
  return sum / static_cast<double>(laws_.size());
}

std::vector<BatchBuilder::Offer> BatchBuilder::offers() const {
  const double left = options_.most_flops > 0 ? options_.most_flops - request_.spent - batch_.flops
                                              : std::numeric_limits<double>::infinity();
  std::vector<Offer> out;
  for (std::size_t p = 0; p < request_.points.size(); ++p) add_offers(p, left, out);
  return out;
}

// Seeds whose trunk is untouched are all alike: the first stands for them.
void BatchBuilder::add_offers(std::size_t point, double left, std::vector<Offer>& out) const {
  bool fresh = false;
  for (const std::size_t index : request_.points[point].cells) {
    const CandidateCell& cell = request_.cells[index];
    if (!ledger_.touches(cell)) {
      if (fresh) continue;
      fresh = true;
    }
    const double price = ledger_.price(cell);
    if (price > left) continue;
    out.push_back({point, index, price, worth_of(point, cell.trunk)});
  }
}

bool BatchBuilder::is_anchor(const Offer& offer) const {
  const double total = request_.spent + batch_.flops + offer.price;
  return alone_flops(request_.cells[offer.cell]) >= std::max(kAnchorShare * total, least_anchor_);
}

const BatchBuilder::Offer* BatchBuilder::best_of(const std::vector<Offer>& offers,
                                                 bool anchors_only) const {
  double cheapest = std::numeric_limits<double>::infinity();
  for (const Offer& offer : offers) cheapest = std::min(cheapest, offer.price);
  const double most = std::max(cheapest, kDearest * request_.spent);
  const Offer* best = nullptr;
  for (const Offer& offer : offers) {
    if (offer.price > most || (anchors_only && !is_anchor(offer))) continue;
    if (best == nullptr || offer.worth * best->price > best->worth * offer.price) best = &offer;
  }
  return best;
}

void BatchBuilder::take(const Offer& offer) {
  CellPoint& point = request_.points[offer.point];
  const CandidateCell& cell = request_.cells[offer.cell];
  learn(offer.point, cell.trunk);
  point.runs.push_back(cell.trunk);
  std::erase(point.cells, offer.cell);
  ledger_.choose(cell);
  batch_.cells.push_back(offer.cell);
  batch_.flops += offer.price;
}

// Expected standard deviation of ln N* after the batch over that before it.
double BatchBuilder::shrink() const {
  double sum = 0;
  for (const GuessedLaw& law : laws_) {
    sum += law.start > 0 ? std::sqrt(std::max(law.belief.variance(), 0.0) / law.start) : 1;
  }
  return sum / static_cast<double>(laws_.size());
}

bool BatchBuilder::enough() const {
  constexpr double kMargin = 0.95;  // of ln until, so that a small disappointment costs no batch
  if (batch_.cells.empty()) return false;
  if (batch_.flops >= kGrowth * request_.spent) return true;
  return static_cast<int>(batch_.cells.size()) >= options_.batch &&
         request_.log_width * shrink() <= kMargin * std::log(options_.until);
}

ChosenBatch BatchBuilder::build() {
  while (!enough()) {
    const std::vector<Offer> all = offers();
    const double total = request_.spent + batch_.flops;
    const bool anchored = has_anchors(request_.points, options_.flops, total, least_anchor_);
    const Offer* best = anchored ? nullptr : best_of(all, true);
    if (best == nullptr) best = best_of(all, false);
    if (best == nullptr) break;
    take(*best);
  }
  batch_.log_width = request_.log_width * shrink();
  sort_cells();
  return std::move(batch_);
}

// A trunk's cells stand together in the order of their branches.
void BatchBuilder::sort_cells() {
  const auto key = [&](std::size_t i) {
    const CandidateCell& cell = request_.cells[i];
    return std::tuple{cell.params, cell.seed, cell.trunk, cell.branch_tokens, cell.tokens};
  };
  std::stable_sort(batch_.cells.begin(), batch_.cells.end(),
                   [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
}

}  // namespace

double least_anchor(std::span<const CellPoint> all, const AdaptiveOptions& options) {
  double largest = 0;
  for (const CellPoint& point : all) {
    largest = std::max(largest, options.flops(point.params) * point.tokens);
  }
  return std::min(options.target_flops / kFurthest, kNearTop * largest);
}

bool has_anchors(std::span<const CellPoint> points, const FlopsPerToken& flops, double spent,
                 double least) {
  int runs = 0;
  std::set<double> sizes;
  for (const CellPoint& point : points) {
    const double c = flops(point.params) * point.tokens;
    if (point.runs.empty() || c < std::max(kAnchorShare * spent, least * (1 - 1e-9))) continue;
    runs += static_cast<int>(point.runs.size());
    sizes.insert(point.params);
  }
  return runs >= kAnchors && static_cast<int>(sizes.size()) >= kAnchorSizes;
}

ChosenBatch choose_batch(BatchRequest request, const AdaptiveOptions& options) {
  return BatchBuilder(std::move(request), options).build();
}

}  // namespace isoflop
