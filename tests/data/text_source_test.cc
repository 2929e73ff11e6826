#include "data/text_source.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

// A corpus whose every token says where it is, modulo 251.
struct Corpus {
  TempFolder folder;
  CorpusManifest manifest;

  explicit Corpus(std::int64_t tokens, std::int64_t block = 1024) {
    std::string text(static_cast<size_t>(tokens), '\0');
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i % 251);
    folder.write("tokens.bin", text);
    manifest.name = "numbers";
    manifest.tokens = manifest.text_bytes = tokens;
    manifest.tokens_sha256 = sha256(text);
    manifest.block_tokens = block;
  }
  ReadManifest reader() const {
    return [this](const std::string& dir) {
      EXPECT_EQ(dir, folder.path());
      return manifest;
    };
  }
  TextSource source(std::int64_t context, std::int64_t seed = 1, std::int64_t heldout = 64) const {
    return {folder.path(),
            manifest,
            {.context = context, .order_seed = seed, .heldout_windows = heldout}};
  }
  TextSource capped(std::int64_t windows, std::int64_t seed = 1) const {
    return {
        folder.path(), manifest, {.context = 100, .order_seed = seed, .unique_windows = windows}};
  }
};

TEST(TextSource, TrainingAndHeldOutShareNoTokenAndNoTokenIsPredictedTwice) {
  for (const std::int64_t tokens : {50000, 51200, 51201}) {
    for (const std::int64_t context : {7, 128, 1023}) {
      const Corpus corpus(tokens);
      const TextSource source = corpus.source(context, 1, 1 << 20);
      std::vector<int> trained(static_cast<size_t>(tokens), 0), predicted = trained;
      for (std::int64_t i = 0; i < source.train_windows(); ++i) {
        const auto start = static_cast<size_t>(source.train_window_start(i));
        ASSERT_LE(start + static_cast<size_t>(context) + 1, trained.size());
        EXPECT_EQ(start / 1024, (start + static_cast<size_t>(context)) / 1024) << "crosses a block";
        for (size_t t = 0; t <= static_cast<size_t>(context); ++t) {
          trained[start + t] = 1;
          if (t > 0) {
            EXPECT_EQ(++predicted[start + t], 1);
          }
        }
      }
      EXPECT_EQ(source.unique_tokens(),
                std::accumulate(predicted.begin(), predicted.end(), std::int64_t{0}));
      for (std::int64_t i = 0; i < source.heldout_windows(); ++i) {
        const auto start = static_cast<size_t>(source.heldout_window_start(i));
        for (size_t t = 0; t <= static_cast<size_t>(context); ++t) EXPECT_EQ(trained[start + t], 0);
      }
    }
  }
}

TEST(TextSource, FillsABatchWithTheWindowsItNames) {
  const Corpus corpus(60000);
  const TextSource source = corpus.source(100);
  std::vector<std::int32_t> batch(3 * 101);
  source.train_batch(17, batch);
  for (std::int64_t row = 0; row < 3; ++row) {
    const std::int64_t start = source.train_window_start(17 + row);
    for (std::int64_t t = 0; t <= 100; ++t) {
      EXPECT_EQ(batch[static_cast<size_t>(row * 101 + t)], (start + t) % 251);
    }
  }
}

TEST(TextSource, TheSeedOrdersTrainingAndNothingElse) {
  const Corpus corpus(60000);
  const TextSource one = corpus.source(64, 1), again = corpus.source(64, 1),
                   two = corpus.source(64, 2);
  ASSERT_EQ(one.train_windows(), two.train_windows());
  std::multiset<std::int64_t> starts_one, starts_two;
  std::int64_t same_place = 0;
  for (std::int64_t i = 0; i < one.train_windows(); ++i) {
    EXPECT_EQ(one.train_window_start(i), again.train_window_start(i));
    same_place += one.train_window_start(i) == two.train_window_start(i);
    starts_one.insert(one.train_window_start(i));
    starts_two.insert(two.train_window_start(i));
  }
  EXPECT_LT(same_place, 12);  // about 1 expected of 870
  EXPECT_EQ(starts_one, starts_two);
  for (std::int64_t i = 0; i < one.heldout_windows(); ++i) {
    EXPECT_EQ(one.heldout_window_start(i), two.heldout_window_start(i));
  }
}

TEST(TextSource, HeldOutWindowsAreDistinctAndSpreadOverTheHeldOutBlocks) {
  Corpus corpus(1'000'000);
  corpus.manifest.heldout_fraction = 0.1;
  const TextSource source = corpus.source(128, 1, 200);
  ASSERT_EQ(source.heldout_windows(), 200);
  std::map<std::int64_t, int> of_block;
  std::set<std::int64_t> starts;
  for (std::int64_t i = 0; i < 200; ++i) {
    starts.insert(source.heldout_window_start(i));
    ++of_block[source.heldout_window_start(i) / 1024];
  }
  EXPECT_EQ(starts.size(), 200u);
  const auto split = split_blocks(1'000'000, 1024, 0, 0.1);
  // Even spreading leaves out no block and takes at most one more from one than from another.
  EXPECT_EQ(of_block.size(), split.heldout.size());
  const int low = 200 / static_cast<int>(split.heldout.size());
  for (const auto& [block, count] : of_block) EXPECT_THAT(count - low, ::testing::AnyOf(0, 1));
}

TEST(TextSource, GivesAllHeldOutWindowsWhenThereAreFewerThanWanted) {
  const Corpus corpus(50000);
  const TextSource source = corpus.source(1000, 1, 512);
  EXPECT_EQ(source.heldout_windows(),
            static_cast<std::int64_t>(split_blocks(50000, 1024, 0, 0.05).heldout.size()));
  EXPECT_EQ(source.bytes_per_token(), 1.0);
  EXPECT_FALSE(source.entropy_rate().has_value());
}

TEST(TextSource, EveryEpochHasAllWindowsOnceInAnOrderOfItsOwn) {
  const Corpus corpus(50000);
  const TextSource source = corpus.source(100), other_seed = corpus.source(100, 2);
  const std::int64_t epoch = source.train_windows();
  std::vector<std::vector<std::int64_t>> orders;
  for (const std::int64_t first : {std::int64_t{0}, epoch, 2 * epoch, 1000 * epoch}) {
    std::vector<std::int64_t> starts, others;
    for (std::int64_t i = 0; i < epoch; ++i) {
      starts.push_back(source.train_window_start(first + i));
      others.push_back(other_seed.train_window_start(first + i));
    }
    orders.push_back(starts);
    orders.push_back(others);
  }
  std::set<std::int64_t> windows(orders[0].begin(), orders[0].end());
  EXPECT_EQ(static_cast<std::int64_t>(windows.size()), epoch);
  for (size_t a = 0; a < orders.size(); ++a) {
    EXPECT_EQ(std::set<std::int64_t>(orders[a].begin(), orders[a].end()), windows);
    for (size_t b = 0; b < a; ++b) {
      std::int64_t same_place = 0;
      for (size_t i = 0; i < orders[a].size(); ++i) same_place += orders[a][i] == orders[b][i];
      EXPECT_LT(same_place, 12) << a << " and " << b;  // about 1 expected of 460
    }
  }
}

TEST(TextSource, TheFirstEpochIsInTheOrderItAlwaysWasIn) {
  // Written down before there were epochs: another order would change every trained loss.
  const Corpus corpus(50000);
  const TextSource source = corpus.source(100);
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i < 5; ++i) starts.push_back(source.train_window_start(i));
  EXPECT_EQ(starts, (std::vector<std::int64_t>{3972, 24252, 20480, 48928, 17508}));
}

TEST(TextSource, CountsDistinctTokensAndPasses) {
  const Corpus corpus(50000);
  const TextSource source = corpus.source(100);
  const std::int64_t epoch = source.train_windows();
  EXPECT_EQ(source.passes(0).unique_tokens, 0);
  EXPECT_EQ(source.passes(7).unique_tokens, 700);
  EXPECT_EQ(source.passes(7).epochs, 7.0 / static_cast<double>(epoch));
  EXPECT_EQ(source.passes(epoch).epochs, 1);
  EXPECT_EQ(source.passes(3 * epoch).unique_tokens, static_cast<double>(source.unique_tokens()));
  EXPECT_EQ(source.passes(3 * epoch).epochs, 3);
}

// Starts of training windows [first, first + count), by the slow way of asking for each.
std::vector<std::int64_t> starts_of(const TextSource& source, std::int64_t first,
                                    std::int64_t count) {
  std::vector<std::int64_t> starts;
  for (std::int64_t i = first; i < first + count; ++i) {
    starts.push_back(source.train_window_start(i));
  }
  return starts;
}
std::set<std::int64_t> set_of(const std::vector<std::int64_t>& values) {
  return {values.begin(), values.end()};
}

TEST(TextSource, ACapRepeatsTheSameWindowsWhateverTheSeedAndSmallerOnesAreWithinLarger) {
  const Corpus corpus(50000);
  const auto all = set_of(starts_of(corpus.source(100), 0, corpus.source(100).train_windows()));
  std::set<std::int64_t> smaller;
  for (const std::int64_t cap : {1, 7, 50, 51, 200}) {
    const TextSource one = corpus.capped(cap, 1), two = corpus.capped(cap, 2);
    ASSERT_EQ(one.train_windows(), cap);
    EXPECT_EQ(one.unique_tokens(), 100 * cap);
    const auto windows = set_of(starts_of(one, 0, cap));
    EXPECT_EQ(static_cast<std::int64_t>(windows.size()), cap);
    EXPECT_EQ(set_of(starts_of(two, 0, cap)), windows);
    EXPECT_TRUE(std::includes(all.begin(), all.end(), windows.begin(), windows.end()));
    EXPECT_TRUE(std::includes(windows.begin(), windows.end(), smaller.begin(), smaller.end()));
    smaller = windows;
  }
}

TEST(TextSource, ACapsEpochsAreOrdersOfTheirOwnOfEverySeed) {
  const Corpus corpus(50000);
  const std::int64_t cap = 120;
  std::vector<std::vector<std::int64_t>> orders;
  for (const std::int64_t seed : {1, 2}) {
    const TextSource source = corpus.capped(cap, seed);
    for (const std::int64_t epoch : {0, 1, 2, 30}) {
      orders.push_back(starts_of(source, epoch * cap, cap));
    }
  }
  for (size_t a = 0; a < orders.size(); ++a) {
    EXPECT_EQ(set_of(orders[a]), set_of(orders[0]));
    for (size_t b = 0; b < a; ++b) {
      std::int64_t same_place = 0;
      for (size_t i = 0; i < orders[a].size(); ++i) same_place += orders[a][i] == orders[b][i];
      EXPECT_LT(same_place, 12) << a << " and " << b;  // about 1 expected of 120
    }
  }
}

TEST(TextSource, ACapIsSpreadOverTheCorpusAndCountsItsPasses) {
  const Corpus corpus(1'000'000);
  const TextSource source = corpus.capped(500);
  double mean = 0;
  for (const std::int64_t start : starts_of(source, 0, 500)) mean += static_cast<double>(start);
  // Uniform over 10^6 tokens: a standard error of 10^6 / sqrt(12 x 500) = 13,000.
  EXPECT_NEAR(mean / 500, 500'000, 50'000);
  EXPECT_EQ(source.passes(1250).unique_tokens, 50'000);
  EXPECT_EQ(source.passes(1250).epochs, 2.5);
  EXPECT_EQ(source.passes(100).unique_tokens, 10'000);
}

TEST(TextSource, ACapBeyondTheCorpusIsNone) {
  const Corpus corpus(50000);
  const TextSource plain = corpus.source(100);
  const std::int64_t all = plain.train_windows();
  for (const std::int64_t cap : {all, all + 1, 100 * all}) {
    EXPECT_EQ(starts_of(corpus.capped(cap), 0, 2 * all), starts_of(plain, 0, 2 * all));
  }
}

TEST(TextSource, HasOneHeldOutSet) {
  const Corpus corpus(50000);
  const TextSource source = corpus.source(100, 1, 9);
  const auto sets = source.heldout_sets();
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0].name, "heldout");
  EXPECT_EQ(sets[0].first, 0);
  EXPECT_EQ(sets[0].count, 9);
  EXPECT_EQ(sets[0].bytes_per_token, 1.0);
}

TEST(TextSource, RefusesWindowsThatDoNotExist) {
  const Corpus corpus(50000);
  const TextSource source = corpus.source(100);
  std::vector<std::int32_t> window(101);
  EXPECT_THAT(message_of<Error>([&] { source.train_batch(-1, window); }),
              HasSubstr("training window -1"));
  EXPECT_THROW(source.heldout_window(source.heldout_windows(), window), Error);
}

TEST(TextSource, RefusesAContextThatFitsNoBlock) {
  const Corpus corpus(50000);
  EXPECT_NO_THROW(corpus.source(1023));
  EXPECT_THAT(message_of<Error>([&] { corpus.source(1024); }),
              HasSubstr("does not fit in a block of 1024"));
}

TEST(TokenFile, NamesBothSizesWhenTheFileWasCut) {
  Corpus corpus(50000);
  corpus.manifest.tokens = 50001;
  const std::string said =
      message_of<Error>([&] { TokenFile(corpus.folder.path(), corpus.manifest); });
  EXPECT_THAT(said, HasSubstr("tokens.bin"));
  EXPECT_THAT(said, HasSubstr("has 50000 bytes"));
  EXPECT_THAT(said, HasSubstr("says 50001"));
}

TEST(TokenFile, NamesTheFileThatIsMissing) {
  const TempFolder empty;
  EXPECT_THAT(message_of<Error>([&] { TokenFile(empty.path(), CorpusManifest{}); }),
              HasSubstr(empty.path("tokens.bin")));
}

TEST(TokenFile, RefusesToReadPastItsEnd) {
  const Corpus corpus(5000);
  const TokenFile file(corpus.folder.path(), corpus.manifest);
  std::vector<std::int32_t> out(10);
  EXPECT_NO_THROW(file.read(4990, out));
  EXPECT_EQ(out.back(), 4999 % 251);
  EXPECT_THROW(file.read(4991, out), Error);
  EXPECT_THROW(file.read(-1, out), Error);
}

TEST(MakeTokenSource, GivesWhatTheTrialNames) {
  const Corpus corpus(50000);
  Trial trial;
  trial.model.context = 50;
  trial.eval_windows = 5;
  trial.data.hash = corpus.manifest.identity();
  const auto text = make_token_source(trial, corpus.folder.path(), corpus.reader());
  EXPECT_EQ(text->vocab(), 256);
  EXPECT_EQ(text->context(), 50);
  EXPECT_EQ(text->heldout_windows(), 5);

  trial.data = {.source = "zipf"};
  const auto zipf = make_token_source(trial, "", [](const std::string& dir) -> CorpusManifest {
    throw failure("a corpus was looked for in \"" + dir + "\"");
  });
  EXPECT_EQ(zipf->vocab(), 32);
  EXPECT_TRUE(zipf->entropy_rate().has_value());
}

TEST(MakeTokenSource, CapsDistinctTokensInWholeWindows) {
  const Corpus corpus(50000);
  Trial trial;
  trial.model.context = 50;
  trial.data.hash = corpus.manifest.identity();
  trial.data.unique_tokens = 1049;
  EXPECT_EQ(make_token_source(trial, corpus.folder.path(), corpus.reader())->unique_tokens(), 1000);
  trial.data = {.source = "zipf", .unique_tokens = 2000};
  EXPECT_EQ(make_token_source(trial, "", corpus.reader())->unique_tokens(), 2000);
}

TEST(MakeTokenSource, RefusesAnotherCorpusAnotherVocabularyAndUnknownSources) {
  const Corpus corpus(50000);
  const auto said = [&](const Trial& trial) {
    return message_of<Error>(
        [&] { make_token_source(trial, corpus.folder.path(), corpus.reader()); });
  };
  Trial trial;
  trial.data.hash = std::string(64, '0');
  EXPECT_THAT(said(trial), HasSubstr("not the corpus of this trial"));
  trial.data.hash = corpus.manifest.identity();
  trial.model.vocab = 255;
  EXPECT_THAT(said(trial), HasSubstr("less than the 256 ids"));
  trial.data.source = "radio";
  EXPECT_THAT(said(trial), HasSubstr("\"radio\" is not known"));
}

}  // namespace
}  // namespace isoflop
