#include "trainer/evaluation.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <span>

namespace isoflop {
namespace {

constexpr std::size_t kWindowsAtOnce = 16;

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

// Of each window, in the order asked for; `excesses` is empty where the source's law is not known,
// `next_sentences` where none are predicted.
struct WindowLosses {
  std::vector<double> losses;
  std::vector<double> excesses;
  std::vector<double> next_sentences;
};

double mean_true_loss(const TokenSource& source, std::int64_t window,
                      std::vector<double>& scratch) {
  source.heldout_true_log_probs(window, scratch);
  return -std::accumulate(scratch.begin(), scratch.end(), 0.0) /
         static_cast<double>(scratch.size());
}

// `count` windows spread evenly over all that are held out.
std::vector<std::int64_t> even_windows(const TokenSource& source, std::int64_t count) {
  std::vector<std::int64_t> windows;
  for (std::int64_t i = 0; i < count; ++i) {
    windows.push_back(i * source.heldout_windows() / count);
  }
  return windows;
}

// The mean over each window's predictions; what is not predicted has no loss.
void append_means(std::span<const float> losses, const ModelConfig& model,
                  std::vector<double>& means) {
  const auto context = static_cast<std::size_t>(model.context);
  const auto predictions = static_cast<double>(predictions_per_window(model));
  for (std::size_t begin = 0; begin < losses.size(); begin += context) {
    const auto row = losses.subspan(begin, context);
    means.push_back(std::accumulate(row.begin(), row.end(), 0.0) / predictions);
  }
}

WindowLosses losses_of_windows(const TokenLosses& token_losses, BatchMaker& batches,
                               std::span<const std::int64_t> windows) {
  WindowLosses all;
  TokenBatch batch;
  std::vector<float> next;
  for (std::size_t first = 0; first < windows.size(); first += kWindowsAtOnce) {
    const auto now = std::min(kWindowsAtOnce, windows.size() - first);
    batches.heldout(windows.subspan(first, now), batch);
    append_means(token_losses(batch, next), batches.model(), all.losses);
    all.next_sentences.insert(all.next_sentences.end(), next.begin(), next.end());
  }
  const TokenSource& source = batches.source();
  if (batches.model().masked() || !source.entropy_rate()) return all;
  std::vector<double> scratch(static_cast<std::size_t>(source.context()));
  for (std::size_t i = 0; i < windows.size(); ++i) {
    all.excesses.push_back(all.losses[i] - mean_true_loss(source, windows[i], scratch));
  }
  return all;
}

// `own` are those from number `first` on; each number is one process' and zero elsewhere, so that
// adding up changes no bit.
std::vector<double> of_all(const std::vector<double>& own, std::size_t first, std::size_t count,
                           Ranks& ranks) {
  std::vector<double> all(count);
  std::copy(own.begin(), own.end(), all.begin() + static_cast<std::ptrdiff_t>(first));
  return ranks.sum(all);
}

WindowLosses losses_of_all(const TokenLosses& token_losses, BatchMaker& batches,
                           const std::vector<std::int64_t>& windows, Ranks* ranks) {
  if (ranks == nullptr || ranks->is_alone()) {
    return losses_of_windows(token_losses, batches, windows);
  }
  const auto edge = [&](int rank) {
    const auto count = static_cast<std::int64_t>(windows.size());
    return static_cast<std::size_t>(first_of_share(count, rank, ranks->world()));
  };
  const std::size_t first = edge(ranks->rank()), end = edge(ranks->rank() + 1);
  const auto own =
      losses_of_windows(token_losses, batches, std::span(windows).subspan(first, end - first));
  WindowLosses all{.losses = of_all(own.losses, first, windows.size(), *ranks)};
  const ModelConfig& model = batches.model();
  if (!model.masked() && batches.source().entropy_rate()) {
    all.excesses = of_all(own.excesses, first, windows.size(), *ranks);
  }
  if (model.next_sentence) {
    all.next_sentences = of_all(own.next_sentences, first, windows.size(), *ranks);
  }
  return all;
}

Evaluation summary(const WindowLosses& all, const HeldoutSet& set, const ModelConfig& model) {
  const auto first = static_cast<size_t>(set.first), count = static_cast<size_t>(set.count);
  const MeanAndError loss = mean_and_error(std::span(all.losses).subspan(first, count));
  Evaluation evaluation{.heldout = set.name,
                        .loss = loss.mean,
                        .standard_error = loss.error,
                        .tokens = static_cast<double>(set.count * predictions_per_window(model))};
  if (set.bytes_per_token && !model.masked()) {
    evaluation.bits_per_byte = loss.mean / std::numbers::ln2 / *set.bytes_per_token;
  }
  if (!all.excesses.empty()) {
    const MeanAndError excess = mean_and_error(std::span(all.excesses).subspan(first, count));
    evaluation.excess = excess.mean;
    evaluation.excess_error = excess.error;
  }
  return evaluation;
}

Evaluation next_sentence_summary(const std::vector<double>& losses) {
  const MeanAndError loss = mean_and_error(losses);
  const auto right = std::count_if(losses.begin(), losses.end(),
                                   [](double nats) { return nats < std::numbers::ln2; });
  const auto windows = static_cast<double>(losses.size());
  return {.heldout = "next_sentence",
          .loss = loss.mean,
          .standard_error = loss.error,
          .tokens = windows,
          .accuracy = static_cast<double>(right) / windows};
}

}  // namespace

TokenLosses losses_of(TransformerImpl& model) {
  return [&model](const TokenBatch& batch, std::vector<float>& next_sentence) {
    return model.token_losses(batch, next_sentence);
  };
}

std::vector<Evaluation> evaluate(const TokenLosses& losses, BatchMaker& batches, Ranks* ranks) {
  const TokenSource& source = batches.source();
  const WindowLosses all =
      losses_of_all(losses, batches, even_windows(source, source.heldout_windows()), ranks);
  std::vector<Evaluation> evaluations;
  for (const HeldoutSet& set : source.heldout_sets()) {
    evaluations.push_back(summary(all, set, batches.model()));
  }
  if (!all.next_sentences.empty()) {
    evaluations.push_back(next_sentence_summary(all.next_sentences));
  }
  return evaluations;
}

Evaluation glance(const TokenLosses& losses, BatchMaker& batches, std::int64_t windows,
                  Ranks* ranks) {
  const TokenSource& source = batches.source();
  const std::int64_t count = std::min(windows, source.heldout_windows());
  const WindowLosses some = losses_of_all(losses, batches, even_windows(source, count), ranks);
  const HeldoutSet set{
      .name = "heldout", .first = 0, .count = count, .bytes_per_token = source.bytes_per_token()};
  return summary(some, set, batches.model());
}

}  // namespace isoflop
