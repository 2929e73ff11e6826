#include "data/batch_maker.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <numeric>

#include "core/error.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

// Windows whose tokens say where they are: window w has token (31 w + t) mod 97 at place t,
// held-out ones begin 1,000 windows further on. A token of 0 mod 5 begins a word.
class CountedSource : public TokenSource {
 public:
  explicit CountedSource(std::int64_t context, std::int64_t windows = 500)
      : context_(context), windows_(windows) {}
  std::int64_t vocab() const override { return 97; }
  std::int64_t context() const override { return context_; }
  std::int64_t train_windows() const override { return windows_; }
  void train_batch(std::int64_t first, std::span<std::int32_t> tokens) const override {
    const auto length = static_cast<std::size_t>(context_ + 1);
    for (std::size_t at = 0; at < tokens.size(); at += length) {
      fill(first++ % windows_, tokens.subspan(at, length));
    }
  }
  std::int64_t heldout_windows() const override { return windows_; }
  void heldout_window(std::int64_t i, std::span<std::int32_t> tokens) const override {
    fill(1000 + i, tokens);
  }
  bool heldout_true_log_probs(std::int64_t, std::span<double>) const override { return false; }
  std::optional<double> entropy_rate() const override { return std::nullopt; }
  std::optional<double> bytes_per_token() const override { return std::nullopt; }
  WordStarts word_starts() const override {
    std::vector<bool> begins(97);
    for (std::size_t id = 0; id < begins.size(); ++id) begins[id] = id % 5 == 0;
    return WordStarts(begins);
  }
  static std::int32_t token(std::int64_t window, std::int64_t place) {
    return static_cast<std::int32_t>((31 * window + place) % 97);
  }

 private:
  void fill(std::int64_t window, std::span<std::int32_t> tokens) const {
    for (std::int64_t t = 0; t <= context_; ++t) {
      tokens[static_cast<std::size_t>(t)] = token(window, t);
    }
  }
  std::int64_t context_, windows_;
};

Trial masked_trial(std::int64_t context = 64) {
  Trial trial;
  trial.model.objective = Objective::kMasked;
  trial.model.context = context;
  trial.model.vocab = 98;
  return trial;
}

Trial paired_trial(std::int64_t context = 64) {
  Trial trial = masked_trial(context);
  trial.model.next_sentence = true;
  trial.model.vocab = 100;
  return trial;
}

TokenBatch train_windows(const Trial& trial, const TokenSource& source, std::int64_t first,
                         std::int64_t count) {
  TokenBatch batch;
  BatchMaker(trial, source).train(first, count, batch);
  return batch;
}

TokenBatch heldout_windows(const Trial& trial, const TokenSource& source, std::int64_t count) {
  std::vector<std::int64_t> windows(static_cast<std::size_t>(count));
  std::iota(windows.begin(), windows.end(), 0);
  TokenBatch batch;
  BatchMaker(trial, source).heldout(windows, batch);
  return batch;
}

std::vector<std::size_t> predicted_in_row(const TokenBatch& batch, std::int64_t row) {
  std::vector<std::size_t> places;
  for (std::int64_t t = 0; t < batch.length; ++t) {
    if (batch.targets[static_cast<std::size_t>(row * batch.length + t)] >= 0) {
      places.push_back(static_cast<std::size_t>(t));
    }
  }
  return places;
}

void expect_same(const TokenBatch& one, const TokenBatch& other) {
  EXPECT_EQ(one.inputs, other.inputs);
  EXPECT_EQ(one.targets, other.targets);
  EXPECT_EQ(one.segments, other.segments);
  EXPECT_EQ(one.follows, other.follows);
}

// `expected` within 5 standard deviations of a binomial count.
void expect_share(std::int64_t count, std::int64_t of, double expected) {
  const auto n = static_cast<double>(of);
  EXPECT_NEAR(static_cast<double>(count), n * expected,
              5 * std::sqrt(n * expected * (1 - expected)));
}

TEST(BatchMaker, GivesADecoderEachNextToken) {
  const CountedSource source(64);
  Trial trial;
  trial.model.context = 64;
  std::vector<std::int32_t> windows(3 * 65);
  source.train_batch(7, windows);
  expect_same(train_windows(trial, source, 7, 3), next_token_batch(windows, 64));
}

TEST(BatchMaker, PredictsExactlyAsManyTokensAsTheModelSays) {
  for (const std::int64_t context : {8, 64, 100}) {
    const CountedSource source(context);
    for (const bool pairs : {false, true}) {
      for (const bool words : {false, true}) {
        for (const double fraction : {0.01, 0.15, 0.5, 0.99}) {
          Trial trial = pairs ? paired_trial(context) : masked_trial(context);
          trial.model.mask_fraction = fraction;
          trial.train.whole_words = words;
          const TokenBatch batch = train_windows(trial, source, 0, 20);
          for (std::int64_t row = 0; row < 20; ++row) {
            EXPECT_EQ(static_cast<std::int64_t>(predicted_in_row(batch, row).size()),
                      predictions_per_window(trial.model));
          }
        }
      }
    }
  }
}

TEST(BatchMaker, TargetsAreTheTokensThatWereThere) {
  const CountedSource source(64);
  const TokenBatch batch = train_windows(masked_trial(), source, 40, 10);
  for (std::int64_t row = 0; row < 10; ++row) {
    for (std::int64_t t = 0; t < 64; ++t) {
      const auto at = static_cast<std::size_t>(row * 64 + t);
      const std::int32_t was = CountedSource::token(40 + row, t);
      if (batch.targets[at] < 0) {
        EXPECT_EQ(batch.inputs[at], was);
      } else {
        EXPECT_EQ(batch.targets[at], was);
      }
    }
  }
}

TEST(BatchMaker, MasksDoNotDependOnHowBatchesAreCutNorOnWhatWasMadeBefore) {
  const CountedSource source(64);
  const Trial trial = paired_trial();
  const TokenBatch whole = train_windows(trial, source, 100, 8);
  BatchMaker maker(trial, source);
  TokenBatch part;
  for (std::int64_t row : {5, 0, 7, 3}) {
    maker.train(100 + row, 1, part);
    for (std::int64_t t = 0; t < 64; ++t) {
      const auto at = static_cast<std::size_t>(row * 64 + t), here = static_cast<std::size_t>(t);
      EXPECT_EQ(part.inputs[here], whole.inputs[at]);
      EXPECT_EQ(part.targets[here], whole.targets[at]);
    }
    EXPECT_EQ(part.follows[0], whole.follows[static_cast<std::size_t>(row)]);
  }
}

TEST(BatchMaker, MasksFollowTheSeedAndTheEpochAndThoseHeldOutFollowNeither) {
  const CountedSource source(64);
  Trial one = paired_trial(), other = one;
  other.seed = 2;
  other.train.rate = 0.5;
  EXPECT_NE(train_windows(one, source, 0, 4).targets, train_windows(other, source, 0, 4).targets);
  EXPECT_NE(train_windows(one, source, 0, 4).targets, train_windows(one, source, 500, 4).targets);
  expect_same(heldout_windows(one, source, 50), heldout_windows(other, source, 50));
}

TEST(BatchMaker, ReplacesTokensInTheSharesThatWereAskedFor) {
  const CountedSource source(64);
  for (const auto& [replaced, random] :
       {std::pair{0.8, 0.1}, std::pair{0.3, 0.6}, std::pair{1.0, 0.0}, std::pair{0.0, 1.0}}) {
    Trial trial = masked_trial();
    trial.train.mask_replaced = replaced;
    trial.train.mask_random = random;
    const TokenBatch batch = train_windows(trial, source, 0, 500);
    std::int64_t all = 0, masks = 0, kept = 0;
    std::map<std::int32_t, int> others;
    for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
      if (batch.targets[i] < 0) continue;
      ++all;
      masks += batch.inputs[i] == 97;
      kept += batch.inputs[i] == batch.targets[i];
      if (batch.inputs[i] != 97 && batch.inputs[i] != batch.targets[i]) ++others[batch.inputs[i]];
    }
    EXPECT_EQ(all, 500 * 10);
    expect_share(masks, all, replaced);
    expect_share(kept, all, 1 - replaced - random);
    EXPECT_TRUE(others.empty() || others.rbegin()->first < 97) << "no id beyond the corpus'";
    if (random > 0.5) {
      EXPECT_EQ(others.size(), 97u);
    }
  }
}

TEST(BatchMaker, ChoosesEveryPlaceAsOftenAsAnyOther) {
  const CountedSource source(64);
  const Trial trial = masked_trial();
  std::vector<std::int64_t> counts(64);
  const TokenBatch batch = train_windows(trial, source, 0, 500);
  for (std::int64_t row = 0; row < 500; ++row) {
    for (const std::size_t t : predicted_in_row(batch, row)) ++counts[t];
  }
  for (const std::int64_t count : counts) expect_share(count, 500, 10.0 / 64);
}

struct WordCount {
  std::int64_t tokens = 0, predicted = 0;
};

// The words of a row of training windows, whatever its inputs became.
std::vector<WordCount> words_of_row(const TokenBatch& batch, std::int64_t row,
                                    const WordStarts& begins) {
  std::vector<WordCount> words;
  for (std::int64_t t = 0; t < batch.length; ++t) {
    if (t == 0 || begins(CountedSource::token(row, t))) words.emplace_back();
    ++words.back().tokens;
    words.back().predicted += batch.targets[static_cast<std::size_t>(row * batch.length + t)] >= 0;
  }
  return words;
}

TEST(BatchMaker, CutsAWordOnlyWhereNoneThatIsLeftFits) {
  const CountedSource source(64);
  Trial trial = masked_trial();
  trial.train.whole_words = true;
  const TokenBatch batch = train_windows(trial, source, 0, 500);
  std::int64_t rows_without_cut = 0;
  for (std::int64_t row = 0; row < 500; ++row) {
    const auto words = words_of_row(batch, row, source.word_starts());
    std::int64_t cuts = 0, taken_in_part = 0, smallest_left = 64;
    for (const WordCount& word : words) {
      if (word.predicted == 0) smallest_left = std::min(smallest_left, word.tokens);
      if (word.predicted == 0 || word.predicted == word.tokens) continue;
      ++cuts;
      taken_in_part = word.predicted;
    }
    EXPECT_LE(cuts, 1);
    EXPECT_GT(smallest_left, taken_in_part);
    rows_without_cut += cuts == 0;
  }
  // Ten tokens are two whole words of five in most windows; tokens chosen without regard to words
  // would cut some word in nearly all of them.
  EXPECT_GT(rows_without_cut, 250);
}

TEST(BatchMaker, JoinsTwoSentencesOfWhichTheSecondFollowsHalfTheTime) {
  const CountedSource source(64);
  const Trial trial = paired_trial();
  for (const bool train : {true, false}) {
    const TokenBatch batch =
        train ? train_windows(trial, source, 0, 500) : heldout_windows(trial, source, 500);
    std::int64_t follow = 0;
    for (std::int64_t row = 0; row < 500; ++row) {
      std::vector<std::int32_t> sequence, segments;
      for (std::int64_t t = 0; t < 64; ++t) {
        const auto at = static_cast<std::size_t>(row * 64 + t);
        const std::int32_t target = batch.targets[at];
        sequence.push_back(target < 0 ? batch.inputs[at] : target);
        segments.push_back(batch.segments[at]);
      }
      EXPECT_EQ(sequence[0], 97);   // [CLS]
      EXPECT_EQ(sequence[31], 98);  // [SEP] after 30 tokens
      EXPECT_EQ(sequence[63], 98);
      EXPECT_EQ(std::count(segments.begin(), segments.end(), 0), 32);
      EXPECT_TRUE(std::is_sorted(segments.begin(), segments.end()));
      const std::int64_t window = train ? row : 1000 + row;
      for (std::int64_t t = 0; t < 30; ++t) {
        EXPECT_EQ(sequence[static_cast<std::size_t>(1 + t)], CountedSource::token(window, t));
      }
      const bool follows = batch.follows[static_cast<std::size_t>(row)] == 1;
      follow += follows;
      if (follows) {
        EXPECT_EQ(sequence[32], CountedSource::token(window, 30));
      }
      for (std::size_t t = 33; t < 63; ++t) EXPECT_EQ(sequence[t], (sequence[t - 1] + 1) % 97);
    }
    expect_share(follow, 500, 0.5);
  }
}

TEST(BatchMaker, TakesTheOtherSentenceFromAnotherWindowOfTheSameEpoch) {
  const CountedSource source(64, 2);
  const Trial trial = paired_trial();
  const TokenBatch batch = train_windows(trial, source, 0, 40);
  for (std::int64_t row = 0; row < 40; ++row) {
    const auto at = static_cast<std::size_t>(row * 64 + 32);
    const std::int32_t begins = batch.targets[at] < 0 ? batch.inputs[at] : batch.targets[at];
    const bool follows = batch.follows[static_cast<std::size_t>(row)] == 1;
    EXPECT_EQ(begins, CountedSource::token(follows ? row % 2 : 1 - row % 2, 30));
  }
  EXPECT_THROW(BatchMaker(trial, CountedSource(64, 1)), Error);
}

TEST(BatchMaker, NeverPredictsNorDrawsSpecialTokens) {
  const CountedSource source(64);
  Trial trial = paired_trial();
  trial.model.mask_fraction = 0.9;
  trial.train.mask_replaced = 0;
  trial.train.mask_random = 1;
  const TokenBatch batch = train_windows(trial, source, 0, 100);
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    EXPECT_LT(batch.targets[i], 97);
    if (batch.targets[i] >= 0) {
      EXPECT_LT(batch.inputs[i], 97);
    }
  }
}

}  // namespace
}  // namespace isoflop
