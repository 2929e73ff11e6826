#include "data/mixture_source.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <ranges>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "data/mix_corpora.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

constexpr std::int32_t kPartStride = 1'000'000;
constexpr std::int64_t kContext = 50;

// Corpora in a folder, each token saying where it is: part * kPartStride + place.
struct Parts {
  TempFolder folder;
  std::map<std::string, CorpusManifest> manifests;  // by folder

  std::string add(
      const std::string& name, std::int64_t tokens,
      const std::function<void(CorpusManifest&)>& change = [](auto&) {}) {
    const auto part = static_cast<std::int32_t>(manifests.size());
    std::vector<std::int32_t> ids(static_cast<size_t>(tokens));
    std::iota(ids.begin(), ids.end(), part * kPartStride);
    const std::string bytes(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0]);
    folder.write(name + "/tokens.bin", bytes);
    CorpusManifest manifest;
    manifest.name = name;
    manifest.vocab = 4 * kPartStride;
    manifest.token_bytes = 4;
    manifest.tokens = tokens;
    manifest.text_bytes = tokens * (part + 1);  // part + 1 bytes a token
    manifest.tokens_sha256 = sha256(bytes);
    manifest.block_tokens = 1024;
    manifest.heldout_fraction = 0.2;
    change(manifest);
    manifests[folder.path(name)] = manifest;
    return folder.path(name);
  }
  PartToMix to_mix(const std::string& name, double weight) const {
    return {folder.path(name), manifests.at(folder.path(name)), weight};
  }
  ReadManifest reader() const {
    return [this](const std::string& dir) { return manifests.at(dir); };
  }
};

// web, code and books: the first two windows' worth differ by 5.
struct ThreeParts : Parts {
  CorpusManifest mixture;

  ThreeParts() {
    add("web", 100 * 1024);
    add("code", 60 * 1024 + 17);
    add("books", 20 * 1024);
    mixture = mix_corpora("mixed", folder.path("mixed"),
                          {to_mix("books", 0.1), to_mix("web", 0.667), to_mix("code", 0.233)});
  }
  MixtureSource source(std::int64_t seed = 1, std::int64_t heldout = 100) const {
    return {folder.path("mixed"),
            mixture,
            {.context = kContext, .order_seed = seed, .heldout_windows = heldout},
            reader()};
  }
};

// The part and the first token's place of each of `count` windows.
using Window = std::pair<std::int32_t, std::int32_t>;

Window window_of(std::span<const std::int32_t> tokens) {
  for (size_t t = 1; t < tokens.size(); ++t) EXPECT_EQ(tokens[t], tokens[0] + int(t));
  return {tokens[0] / kPartStride, tokens[0] % kPartStride};
}

std::vector<Window> train_windows_of(const TokenSource& source, std::int64_t first,
                                     std::int64_t count, std::int64_t batch = 1) {
  std::vector<Window> windows;
  const auto length = static_cast<size_t>(source.context() + 1);
  for (std::int64_t at = first; at < first + count; at += batch) {
    const std::int64_t now = std::min(batch, first + count - at);
    std::vector<std::int32_t> tokens(static_cast<size_t>(now) * length);
    source.train_batch(at, tokens);
    for (size_t row = 0; row < static_cast<size_t>(now); ++row) {
      windows.push_back(window_of(std::span(tokens).subspan(row * length, length)));
    }
  }
  return windows;
}

std::vector<Window> heldout_windows_of(const TokenSource& source) {
  std::vector<Window> windows;
  std::vector<std::int32_t> tokens(static_cast<size_t>(source.context() + 1));
  for (std::int64_t i = 0; i < source.heldout_windows(); ++i) {
    source.heldout_window(i, tokens);
    windows.push_back(window_of(tokens));
  }
  return windows;
}

TEST(MixtureSource, EveryPartHasItsShareOfTheFirstNWindows) {
  const ThreeParts parts;
  const MixtureSource source = parts.source();
  std::vector<double> had(3, 0);
  const std::vector<double> weights{0.667, 0.233, 0.1};  // in the order the corpora were made
  std::int64_t n = 0;
  for (const auto& [part, place] : train_windows_of(source, 0, 4000)) {
    ++had[static_cast<size_t>(part)];
    ++n;
    for (size_t k = 0; k < 3; ++k) {
      ASSERT_NEAR(had[k], static_cast<double>(n) * weights[k], 1) << "n " << n;
    }
  }
}

TEST(MixtureSource, TheOrderDoesNotDependOnTheBatchSize) {
  const ThreeParts parts;
  const MixtureSource source = parts.source();
  const auto one_by_one = train_windows_of(source, 3, 500);
  for (const std::int64_t batch : {2, 7, 64, 500}) {
    EXPECT_EQ(train_windows_of(source, 3, 500, batch), one_by_one) << batch;
  }
}

TEST(MixtureSource, NoWindowComesTwiceBeforeTrainWindowsAndTheNextOneDoes) {
  const ThreeParts parts;
  const MixtureSource source = parts.source();
  const std::int64_t last = source.train_windows();
  const auto windows = train_windows_of(source, 0, last + 1);
  const std::set<Window> fresh(windows.begin(), windows.end() - 1);
  EXPECT_EQ(static_cast<std::int64_t>(fresh.size()), last);
  EXPECT_TRUE(fresh.contains(windows.back()));
  EXPECT_EQ(source.unique_tokens(), last * kContext);
}

TEST(MixtureSource, EachPartHasItsOwnEpochsWithAllItsWindowsInANewOrder) {
  const ThreeParts parts;
  const MixtureSource source = parts.source();
  std::map<std::int32_t, std::vector<std::int32_t>> of_part;
  for (const auto& [part, place] : train_windows_of(source, 0, 12000)) {
    of_part[part].push_back(place);
  }
  for (const auto& [part, places] : of_part) {
    const std::string name = std::vector{"web", "code", "books"}[static_cast<size_t>(part)];
    const TextSource alone(parts.folder.path(name), parts.manifests.at(parts.folder.path(name)),
                           {.context = kContext});
    const auto epoch = static_cast<std::ptrdiff_t>(alone.train_windows());
    ASSERT_GT(places.size(), static_cast<size_t>(2 * epoch)) << name;
    const std::vector<std::int32_t> first(places.begin(), places.begin() + epoch);
    const std::vector<std::int32_t> second(places.begin() + epoch, places.begin() + 2 * epoch);
    EXPECT_EQ(static_cast<std::ptrdiff_t>(std::set(first.begin(), first.end()).size()), epoch);
    EXPECT_EQ(std::set(first.begin(), first.end()), std::set(second.begin(), second.end()));
    EXPECT_NE(first, second);
  }
}

TEST(MixtureSource, CountsDistinctTokensAndTheMostPassesOverAPart) {
  const ThreeParts parts;
  const MixtureSource source = parts.source();
  std::map<std::int32_t, double> epoch;  // windows of each part
  for (const auto& [part, place] : std::set<Window>([&] {
         const auto all = train_windows_of(source, 0, 12000);
         return std::set<Window>(all.begin(), all.end());
       }())) {
    ++epoch[part];
  }
  for (const std::int64_t n :
       {std::int64_t{0}, std::int64_t{1}, source.train_windows(), source.train_windows() + 1,
        std::int64_t{5000}, std::int64_t{12000}}) {
    const auto windows = train_windows_of(source, 0, n);
    const std::set<Window> distinct(windows.begin(), windows.end());
    std::map<std::int32_t, double> seen;
    for (const auto& [part, place] : windows) ++seen[part];
    double epochs = 0;
    for (const auto& [part, count] : seen) epochs = std::max(epochs, count / epoch[part]);
    EXPECT_EQ(source.passes(n).unique_tokens, static_cast<double>(distinct.size()) * kContext);
    EXPECT_EQ(source.passes(n).epochs, epochs);
  }
  EXPECT_LE(source.passes(source.train_windows()).epochs, 1);
  EXPECT_GT(source.passes(source.train_windows() + 1).epochs, 1);
}

TEST(MixtureSource, ACapIsSharedOutByWeightRepeatsAsOneAndGrowsByMoreWindows) {
  const ThreeParts parts;
  std::set<Window> smaller;
  for (const std::int64_t cap : {20, 100, 333, 900}) {
    const auto capped = [&](std::int64_t seed) {
      return MixtureSource(parts.folder.path("mixed"), parts.mixture,
                           {.context = kContext, .order_seed = seed, .unique_windows = cap},
                           parts.reader());
    };
    const MixtureSource source = capped(1);
    ASSERT_EQ(source.train_windows(), cap);
    const auto windows = train_windows_of(source, 0, 4 * cap);
    const std::set<Window> all(windows.begin(), windows.end());
    const std::set<Window> first(windows.begin(), windows.begin() + cap);
    EXPECT_EQ(static_cast<std::int64_t>(first.size()), cap);
    EXPECT_EQ(all, first);
    EXPECT_TRUE(std::includes(all.begin(), all.end(), smaller.begin(), smaller.end()));
    smaller = all;
    std::map<std::int32_t, double> of_part;
    for (const auto& [part, place] : all) ++of_part[part];
    EXPECT_NEAR(of_part[0], 0.667 * static_cast<double>(cap), 1);
    EXPECT_NEAR(of_part[1], 0.233 * static_cast<double>(cap), 1);
    const auto others = train_windows_of(capped(2), 0, cap);
    EXPECT_EQ(std::set<Window>(others.begin(), others.end()), all);
    EXPECT_EQ(source.passes(4 * cap).unique_tokens, static_cast<double>(cap * kContext));
    EXPECT_NEAR(source.passes(4 * cap).epochs, 4, 2.0 / (0.1 * static_cast<double>(cap) - 1));
  }
}

TEST(MixtureSource, RefusesACapThatLeavesAPartNothing) {
  const ThreeParts parts;
  const std::string said = message_of<Error>([&] {
    MixtureSource(parts.folder.path("mixed"), parts.mixture,
                  {.context = kContext, .unique_windows = 2}, parts.reader());
  });
  EXPECT_THAT(said, HasSubstr("data.unique_tokens: 100 tokens"));
  EXPECT_THAT(said, HasSubstr("part \"books\""));
}

TEST(MixtureSource, HeldOutWindowsAreSharedOutByWeightAndNeverTrainedOn) {
  const ThreeParts parts;
  const MixtureSource source = parts.source();
  const auto sets = source.heldout_sets();
  ASSERT_EQ(sets.size(), 4u);
  EXPECT_EQ(sets[0].name, "heldout");
  EXPECT_EQ(sets[0].first, 0);
  EXPECT_EQ(sets[0].count, 100);
  const std::vector<std::string> names{"heldout:web", "heldout:code", "heldout:books"};
  const std::vector<std::int64_t> counts{67, 23, 10};
  const auto heldout = heldout_windows_of(source);
  std::int64_t end = 0;
  for (size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(sets[k + 1].name, names[k]);
    EXPECT_EQ(sets[k + 1].first, end);
    EXPECT_EQ(sets[k + 1].count, counts[k]);
    EXPECT_EQ(sets[k + 1].bytes_per_token, static_cast<double>(k + 1));
    for (std::int64_t i = 0; i < counts[k]; ++i) {
      EXPECT_EQ(heldout[static_cast<size_t>(end + i)].first, static_cast<std::int32_t>(k));
    }
    end += counts[k];
  }
  EXPECT_EQ(end, source.heldout_windows());
  EXPECT_EQ(std::set<Window>(heldout.begin(), heldout.end()).size(), heldout.size());
  EXPECT_DOUBLE_EQ(*source.bytes_per_token(), (67 * 1 + 23 * 2 + 10 * 3) / 100.0);

  std::vector<std::vector<bool>> trained(3, std::vector<bool>(100 * 1024));
  const auto tokens_of = [](const Window& window) {
    return std::views::iota(window.second, window.second + int(kContext) + 1);
  };
  for (const Window& window : train_windows_of(source, 0, 12000)) {
    for (const int t : tokens_of(window)) trained[size_t(window.first)][size_t(t)] = true;
  }
  for (const Window& window : heldout) {
    for (const int t : tokens_of(window)) {
      ASSERT_FALSE(trained[size_t(window.first)][size_t(t)]);
    }
  }
}

TEST(MixtureSource, APartsHeldOutWindowsAreSpreadOverItAsIfItWereAlone) {
  const ThreeParts parts;
  const auto heldout = heldout_windows_of(parts.source());
  const std::string dir = parts.folder.path("code");
  const TextSource alone(dir, parts.manifests.at(dir),
                         {.context = kContext, .heldout_windows = 23});
  const auto expected = heldout_windows_of(alone);
  EXPECT_EQ(std::vector<Window>(heldout.begin() + 67, heldout.begin() + 90), expected);
}

TEST(MixtureSource, HeldOutWindowsDoNotDependOnTheSeedAndTrainingWindowsDo) {
  const ThreeParts parts;
  const MixtureSource one = parts.source(1), again = parts.source(1), two = parts.source(2);
  EXPECT_EQ(heldout_windows_of(one), heldout_windows_of(two));
  EXPECT_EQ(train_windows_of(one, 0, 200), train_windows_of(again, 0, 200));
  const auto of_one = train_windows_of(one, 0, 200), of_two = train_windows_of(two, 0, 200);
  EXPECT_NE(of_one, of_two);
  for (size_t i = 0; i < of_one.size(); ++i) EXPECT_EQ(of_one[i].first, of_two[i].first);
}

TEST(MixtureSource, EqualPartsAreNotSeenInStep) {
  Parts parts;
  parts.add("one", 20 * 1024);
  parts.add("two", 20 * 1024);
  const CorpusManifest mixture = mix_corpora("half", parts.folder.path("half"),
                                             {parts.to_mix("one", 1), parts.to_mix("two", 1)});
  const MixtureSource source(parts.folder.path("half"), mixture, {.context = kContext},
                             parts.reader());
  const auto windows = train_windows_of(source, 0, 200);
  int in_step = 0;
  for (size_t i = 0; i < windows.size(); i += 2)
    in_step += windows[i].second == windows[i + 1].second;
  EXPECT_LT(in_step, 10);
}

TEST(MixtureSource, BytesPerTokenAreUnknownWhenAPartsAre) {
  Parts parts;
  parts.add("text", 20 * 1024);
  parts.add("ids", 21 * 1024, [](CorpusManifest& manifest) { manifest.text_bytes = 0; });
  const CorpusManifest mixture = mix_corpora("half", parts.folder.path("half"),
                                             {parts.to_mix("text", 1), parts.to_mix("ids", 1)});
  const MixtureSource source(parts.folder.path("half"), mixture, {.context = kContext},
                             parts.reader());
  EXPECT_FALSE(source.bytes_per_token().has_value());
  std::map<std::string, std::optional<double>> bytes;
  for (const HeldoutSet& set : source.heldout_sets()) bytes[set.name] = set.bytes_per_token;
  EXPECT_EQ(bytes["heldout:text"], 1.0);
  EXPECT_FALSE(bytes["heldout:ids"].has_value());
}

TEST(MixtureSource, IsWhatATrialOfItsIdentityGets) {
  const ThreeParts parts;
  Trial trial;
  trial.model.context = kContext;
  trial.model.vocab = 4 * kPartStride;
  trial.eval_windows = 40;
  trial.data.hash = parts.mixture.identity();
  const ReadManifest reader = [&](const std::string& dir) {
    return dir == parts.folder.path("mixed") ? parts.mixture : parts.reader()(dir);
  };
  const auto source = make_token_source(trial, parts.folder.path("mixed"), reader);
  EXPECT_EQ(source->heldout_sets().size(), 4u);
  EXPECT_EQ(source->vocab(), 4 * kPartStride);
  EXPECT_EQ(train_windows_of(*source, 0, 50), train_windows_of(parts.source(), 0, 50));
  trial.model.vocab = 256;
  EXPECT_THAT(
      message_of<Error>([&] { make_token_source(trial, parts.folder.path("mixed"), reader); }),
      HasSubstr("ids of the data"));
}

TEST(MixtureSource, SaysWhichPartIsGoneOrAnother) {
  ThreeParts parts;
  parts.manifests[parts.folder.path("code")].split_seed = 5;
  std::string said = message_of<Error>([&] { parts.source(); });
  EXPECT_THAT(said, HasSubstr("part \"code\""));
  EXPECT_THAT(said, HasSubstr("not the corpus that was mixed"));
  std::filesystem::remove_all(parts.folder.path("web"));
  said = message_of<Error>([&] { parts.source(); });
  EXPECT_THAT(said, HasSubstr("part \"web\": " + parts.folder.path("web") + ": is gone"));
}

TEST(ShareHeldout, IsWithinOneWindowOfEveryShare) {
  const std::vector<std::int64_t> many{1000, 1000, 1000};
  for (std::int64_t wanted = 3; wanted < 700; ++wanted) {
    const std::vector<double> weights{0.5, 0.333, 0.167};
    const auto counts = share_heldout(wanted, weights, many);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), wanted);
    for (size_t k = 0; k < 3; ++k) {
      EXPECT_LT(std::abs(static_cast<double>(counts[k]) - static_cast<double>(wanted) * weights[k]),
                1);
    }
  }
}

TEST(ShareHeldout, LeavesNoPartWithoutAWindow) {
  EXPECT_EQ(share_heldout(100, std::vector<double>{0.998, 0.001, 0.001},
                          std::vector<std::int64_t>{1000, 1000, 1000}),
            (std::vector<std::int64_t>{98, 1, 1}));
}

TEST(ShareHeldout, CutsAllAlikeWhenAPartHasTooFew) {
  EXPECT_EQ(
      share_heldout(100, std::vector<double>{0.75, 0.25}, std::vector<std::int64_t>{1000, 10}),
      (std::vector<std::int64_t>{30, 10}));
}

TEST(ShareHeldout, RefusesFewerWindowsThanParts) {
  EXPECT_THAT(
      message_of<Error>([] {
        share_heldout(2, std::vector<double>{0.4, 0.3, 0.3}, std::vector<std::int64_t>{9, 9, 9});
      }),
      HasSubstr("2 held-out windows for 3 parts"));
}

TEST(MixCorpora, NormalisesWeightsAndForgetsTheOrderOfParts) {
  const ThreeParts parts;
  const auto mixed = [&](const std::vector<PartToMix>& list) {
    return mix_corpora("mixed", parts.folder.path("mixed"), list);
  };
  const auto one =
      mixed({parts.to_mix("web", 6), parts.to_mix("code", 3), parts.to_mix("books", 1)});
  const auto two =
      mixed({parts.to_mix("books", 0.1), parts.to_mix("web", 0.6), parts.to_mix("code", 0.3)});
  EXPECT_EQ(one, two);
  EXPECT_EQ(one.identity(), two.identity());
  ASSERT_EQ(one.parts.size(), 3u);
  EXPECT_EQ(one.parts[0].name, "web");
  EXPECT_EQ(one.parts[0].dir, "../web");
  EXPECT_EQ(one.parts[0].weight, 0.6);
  EXPECT_EQ(one.parts[2].weight, 0.1);
  EXPECT_EQ(one.vocab, 4 * kPartStride);
  const auto other =
      mixed({parts.to_mix("web", 5), parts.to_mix("code", 4), parts.to_mix("books", 1)});
  EXPECT_NE(one.identity(), other.identity());
}

TEST(MixCorpora, IdentityIsOfWhatIsMixedAndNotOfWhereItLies) {
  const ThreeParts parts;
  CorpusManifest moved = parts.mixture;
  moved.name = "other";
  moved.parts[1].dir = "/elsewhere/code";
  moved.parts[1].name = "programs";
  EXPECT_EQ(moved.identity(), parts.mixture.identity());
  moved.parts[1].identity[0] ^= 1;
  EXPECT_NE(moved.identity(), parts.mixture.identity());
}

TEST(MixCorpora, SaysWhatDoesNotFit) {
  Parts parts;
  parts.add("web", 20 * 1024);
  parts.add("code", 21 * 1024);
  parts.add("small", 22 * 1024, [](CorpusManifest& manifest) { manifest.vocab = 77; });
  parts.add("pieces", 23 * 1024, [](CorpusManifest& manifest) {
    manifest.tokenizer = "sentencepiece";
    manifest.tokenizer_sha256 = std::string(64, 'a');
  });
  parts.add("others", 24 * 1024, [](CorpusManifest& manifest) {
    manifest.tokenizer = "sentencepiece";
    manifest.tokenizer_sha256 = std::string(64, 'b');
  });
  parts.add("twin", 25 * 1024, [](CorpusManifest& manifest) { manifest.name = "web"; });
  parts.add("mix", 26 * 1024, [](CorpusManifest& manifest) { manifest.parts.resize(1); });
  const auto said = [&](const std::string& name, double weight = 0.5) {
    return message_of<Error>([&] {
      mix_corpora("mixed", parts.folder.path("mixed"),
                  {parts.to_mix("web", 0.5), parts.to_mix(name, weight)});
    });
  };
  EXPECT_EQ(said("code"), "");
  EXPECT_THAT(said("small"), HasSubstr("\"web\" and \"small\": vocabulary 4000000 and 77"));
  EXPECT_THAT(said("pieces"), HasSubstr("tokenizer bytes and sentencepiece (model aaaaaaaaaaaa)"));
  EXPECT_THAT(said("twin"), HasSubstr("two parts have one name"));
  EXPECT_THAT(said("web"), HasSubstr("are the same tokens"));
  EXPECT_THAT(said("mix"), HasSubstr("\"mix\": is itself a mixture"));
  EXPECT_THAT(said("code", 0), HasSubstr("\"code\": weight 0: must be above 0"));
  EXPECT_THAT(said("code", std::nan("")), HasSubstr("must be above 0"));
  EXPECT_THAT(message_of<Error>([&] {
                mix_corpora("mixed", parts.folder.path("mixed"),
                            {parts.to_mix("pieces", 0.5), parts.to_mix("others", 0.5)});
              }),
              HasSubstr("(model aaaaaaaaaaaa) and sentencepiece (model bbbbbbbbbbbb)"));
  EXPECT_THAT(message_of<Error>([&] { mix_corpora("one", "one", {parts.to_mix("web", 1)}); }),
              HasSubstr("at least two parts"));
}

}  // namespace
}  // namespace isoflop
