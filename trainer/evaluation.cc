#include "trainer/evaluation.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <span>

namespace isoflop {
namespace {

constexpr std::int64_t kWindowsAtOnce = 16;

struct MeanAndError {
  double mean = 0;
  double error = 0;
};

MeanAndError mean_and_error(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1) / n) : 0.0};
}

// Of each window, in the order asked for; `excesses` is empty where the source's law is not known.
struct WindowLosses {
  std::vector<double> losses;
  std::vector<double> excesses;
};

double mean_true_loss(const TokenSource& source, std::int64_t window,
                      std::vector<double>& scratch) {
  source.heldout_true_log_probs(window, scratch);
  return -std::accumulate(scratch.begin(), scratch.end(), 0.0) /
         static_cast<double>(scratch.size());
}

// The i-th of `count` windows spread evenly over all that are held out.
std::int64_t window_at(const TokenSource& source, std::int64_t i, std::int64_t count) {
  return i * source.heldout_windows() / count;
}

std::vector<std::int32_t> read_windows(const TokenSource& source, std::int64_t first,
                                       std::int64_t now, std::int64_t count) {
  const auto length = static_cast<size_t>(source.context() + 1);
  std::vector<std::int32_t> tokens(static_cast<size_t>(now) * length);
  for (std::int64_t i = 0; i < now; ++i) {
    const auto place = std::span(tokens).subspan(static_cast<size_t>(i) * length, length);
    source.heldout_window(window_at(source, first + i, count), place);
  }
  return tokens;
}

// The windows that are not `ranks`' own stay zero.
WindowLosses own_losses_of_windows(TransformerImpl& model, const TokenSource& source,
                                   std::int64_t count, const Ranks& ranks) {
  const auto context = static_cast<std::ptrdiff_t>(source.context());
  const bool known_law = source.entropy_rate().has_value();
  std::vector<double> scratch(static_cast<size_t>(context));
  WindowLosses all{.losses = std::vector<double>(static_cast<size_t>(count)),
                   .excesses = std::vector<double>(static_cast<size_t>(known_law ? count : 0))};
  const std::int64_t end = first_of_share(count, ranks.rank() + 1, ranks.world());
  for (std::int64_t first = first_of_share(count, ranks.rank(), ranks.world()); first < end;
       first += kWindowsAtOnce) {
    const std::int64_t now = std::min(kWindowsAtOnce, end - first);
    const auto losses = model.token_losses(
        next_token_batch(read_windows(source, first, now, count), source.context()));
    for (std::int64_t i = 0; i < now; ++i) {
      const auto begin = losses.begin() + i * context;
      const double mean =
          std::accumulate(begin, begin + context, 0.0) / static_cast<double>(context);
      const auto place = static_cast<size_t>(first + i);
      all.losses[place] = mean;
      if (!known_law) continue;
      all.excesses[place] =
          mean - mean_true_loss(source, window_at(source, first + i, count), scratch);
    }
  }
  return all;
}

WindowLosses losses_of_windows(TransformerImpl& model, const TokenSource& source,
                               std::int64_t count, Ranks& ranks) {
  const WindowLosses own = own_losses_of_windows(model, source, count, ranks);
  // Each is one process' and zero elsewhere, so that adding up changes no bit.
  return {.losses = ranks.sum(own.losses),
          .excesses = own.excesses.empty() ? own.excesses : ranks.sum(own.excesses)};
}

Evaluation summary(const WindowLosses& all, const HeldoutSet& set, std::int64_t context) {
  const auto first = static_cast<size_t>(set.first), count = static_cast<size_t>(set.count);
  const MeanAndError loss = mean_and_error(std::span(all.losses).subspan(first, count));
  Evaluation evaluation{.heldout = set.name,
                        .loss = loss.mean,
                        .standard_error = loss.error,
                        .tokens = static_cast<double>(set.count * context)};
  if (set.bytes_per_token) {
    evaluation.bits_per_byte = loss.mean / std::numbers::ln2 / *set.bytes_per_token;
  }
  if (!all.excesses.empty()) {
    const MeanAndError excess = mean_and_error(std::span(all.excesses).subspan(first, count));
    evaluation.excess = excess.mean;
    evaluation.excess_error = excess.error;
  }
  return evaluation;
}

}  // namespace

std::vector<Evaluation> evaluate(TransformerImpl& model, const TokenSource& source, Ranks& ranks) {
  const WindowLosses all = losses_of_windows(model, source, source.heldout_windows(), ranks);
  std::vector<Evaluation> evaluations;
  for (const HeldoutSet& set : source.heldout_sets()) {
    evaluations.push_back(summary(all, set, source.context()));
  }
  return evaluations;
}

Evaluation glance(TransformerImpl& model, const TokenSource& source, std::int64_t windows,
                  Ranks& ranks) {
  const std::int64_t count = std::min(windows, source.heldout_windows());
  const WindowLosses some = losses_of_windows(model, source, count, ranks);
  const HeldoutSet set{
      .name = "heldout", .first = 0, .count = count, .bytes_per_token = source.bytes_per_token()};
  return summary(some, set, source.context());
}

}  // namespace isoflop
