// Windows of several corpora, each with its share.
//
// Training window i comes from the part that data/interleave.h says, as that part's next window: of
// the first n windows each part has had its weight's share to within 2 windows, for every n. A
// part's windows come in orders of its own and it begins its next epoch when it is through, so a
// small part with a large weight is seen more often than the others; train_windows() ends before
// any part's second epoch, and passes() tells the largest number of passes over a part. A cap on
// distinct windows is shared out as the first so many windows are: each part has its share of the
// cap, and all parts but those that are smaller than their share repeat at one pace.
//
// Held-out windows are the parts' own, one part after the other, as many of each as its weight
// says: the wanted count is shared out by largest remainder, so each part is within one window of
// its share (one that would get none gets one, from the part with most), and the plain mean over
// all is the mixture's loss to that rounding. When a part has fewer than its share, all are cut
// alike.
//
// bytes_per_token of the whole is the mean over its held-out windows, so that its bits per byte are
// all bits by all bytes; unknown when it is unknown of a part.
#ifndef ISOFLOP_DATA_MIXTURE_SOURCE_H_
#define ISOFLOP_DATA_MIXTURE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/corpus_manifest.h"
#include "data/interleave.h"
#include "data/text_source.h"
#include "data/token_source.h"

namespace isoflop {

class MixtureSource : public TokenSource {
 public:
  // `mixture_dir` is the mixture's own folder and `manifest` what it says. Throws Error(kUsage)
  // when a part is not the corpus that was mixed, as read_manifest does when it is gone, as
  // TextSource, and when a cap leaves a part no window; Error(kRefused, "heldout_too_small") when
  // there are fewer held-out windows than parts.
  MixtureSource(const std::string& mixture_dir, const CorpusManifest& manifest,
                const TextSourceOptions& options, const ReadManifest& read_manifest);

  std::int64_t vocab() const override { return parts_.front()->vocab(); }
  std::int64_t context() const override { return context_; }
  std::int64_t train_windows() const override { return train_windows_; }
  void train_batch(std::int64_t first, std::span<std::int32_t> tokens) const override;
  Passes passes(std::int64_t windows) const override;
  std::int64_t heldout_windows() const override { return first_heldout_.back(); }
  void heldout_window(std::int64_t i, std::span<std::int32_t> tokens) const override;
  std::vector<HeldoutSet> heldout_sets() const override;
  bool heldout_true_log_probs(std::int64_t, std::span<double>) const override { return false; }
  std::optional<double> entropy_rate() const override { return std::nullopt; }
  std::optional<double> bytes_per_token() const override;
  WordStarts word_starts() const override { return parts_.front()->word_starts(); }

 private:
  void open_parts(const std::string& mixture_dir, const TextSourceOptions& options,
                  const ReadManifest& read_manifest);

  std::vector<CorpusPart> named_;
  std::int64_t context_;
  Interleave interleave_;
  std::vector<std::unique_ptr<TextSource>> parts_;
  std::vector<std::int64_t> first_heldout_;  // where each part's held-out windows begin; the end
  std::int64_t train_windows_ = 0;
};

// `wanted` windows shared out by weight (they sum to 1) as described above; `available` are the
// parts'. None is 0. Throws Error(kRefused, "heldout_too_small") when there is not one for each.
std::vector<std::int64_t> share_heldout(std::int64_t wanted, std::span<const double> weights,
                                        std::span<const std::int64_t> available);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_MIXTURE_SOURCE_H_
