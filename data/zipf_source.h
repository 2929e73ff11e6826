// Windows of Zipf facts (data/zipf_facts.h): data without end and of known entropy.
//
// Training window i is drawn from hash(order seed, i), held-out window i from hash(zipf_seed, i) in
// another stream, so both are random access and no two trials see other held-out windows. Every
// window starts on a record. No window comes twice: there are no epochs.
//
// A cap on distinct windows makes it a finite sample that repeats: window w < U of the sample is
// drawn from hash(zipf_seed, w) in a third stream, the same whatever the order seed, and comes in
// the orders of data/window_order.h.
#ifndef ISOFLOP_DATA_ZIPF_SOURCE_H_
#define ISOFLOP_DATA_ZIPF_SOURCE_H_

#include <cstdint>
#include <optional>

#include "data/token_source.h"
#include "data/window_order.h"
#include "data/zipf_facts.h"

namespace isoflop {

struct ZipfSourceOptions {
  std::int64_t context = 128;
  std::int64_t order_seed = 1;
  std::int64_t heldout_windows = 512;
  std::int64_t unique_windows = 0;  // of a sample that repeats; 0: no end
};

class ZipfSource : public TokenSource {
 public:
  // Throws Error(kUsage) when the parameters make no source (ZipfFacts).
  ZipfSource(const DataSpec& data, const ZipfSourceOptions& options);

  std::int64_t vocab() const override { return facts_.vocab(); }
  std::int64_t context() const override { return options_.context; }
  // Endless for every purpose: 2^40 windows, unless there is a cap.
  std::int64_t train_windows() const override;
  void train_batch(std::int64_t first, std::span<std::int32_t> tokens) const override;
  Passes passes(std::int64_t windows) const override;
  std::int64_t heldout_windows() const override { return options_.heldout_windows; }
  void heldout_window(std::int64_t i, std::span<std::int32_t> tokens) const override;
  bool heldout_true_log_probs(std::int64_t i, std::span<double> out) const override;
  std::optional<double> entropy_rate() const override { return entropy_rate_; }
  std::optional<double> bytes_per_token() const override { return std::nullopt; }

  const ZipfFacts& facts() const { return facts_; }

 private:
  std::uint64_t train_seed(std::int64_t i) const;  // of training window i

  ZipfFacts facts_;
  ZipfSourceOptions options_;
  double entropy_rate_;
  std::optional<WindowOrder> repeated_;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_ZIPF_SOURCE_H_
