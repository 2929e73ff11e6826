#include "db/store.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <set>

#include "core/error.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::DoubleEq;
using ::testing::HasSubstr;
using ::testing::Optional;

class StoreTest : public ::testing::Test {
 protected:
  Store& with_trials(const std::vector<PlannedTrial>& trials) {
    store_.add_study("s", "kind = \"isoflop\"");
    store_.add_trials("s", trials);
    return store_;
  }
  SweepStatus status() { return store_.status("s"); }

  TemporaryFolder folder_;
  Store store_{folder_.file("runs.db"), StoreMode::kCreate};
  WorkerId self_ = this_worker();
};

// A trial with no default left, and numbers that need all 17 digits.
Trial unusual_trial() {
  Trial trial;
  trial.model = {.vocab = 512,
                 .context = 64,
                 .layers = 3,
                 .width = 24,
                 .heads = 3,
                 .head_size = 8,
                 .hidden = 72,
                 .positions = Positions::kLearned,
                 .norm = Norm::kLayerNorm,
                 .feed_forward = FeedForward::kSwiglu,
                 .tied_head = false,
                 .qk_norm = false};
  trial.data.hash = std::string("a\"b\\c\n") + "\x01 d\xc3\xa9";
  trial.data.zipf_alpha = 1.0 / 3.0;
  trial.data.zipf_seed = std::numeric_limits<std::int64_t>::max();
  trial.train.tokens = 1.2345678901234567e19;
  trial.train.rate = 0.1 + 0.2;
  trial.train.epsilon = 5e-324;
  trial.seed = -7;
  return trial;
}

TEST_F(StoreTest, TrialsOfTwoGridsInOneStudyHavePlacesOfTheirOwn) {
  const std::vector<PlannedTrial> all = tabular_trials(5);
  const auto places = [&] {
    std::vector<std::pair<double, std::int64_t>> out;
    for (const TrialRow& row : store_.trials("s")) out.emplace_back(row.params, row.ordinal);
    return out;
  };
  using Places = std::vector<std::pair<double, std::int64_t>>;
  with_trials({all[0], all[1], all[2]});
  with_trials({all[3], all[4]});
  EXPECT_EQ(places(), (Places{{1003, 0}, {1004, 1}, {1000, 2}, {1001, 3}, {1002, 4}}));
  with_trials({all[3], all[4]});
  EXPECT_EQ(places().back(), (std::pair<double, std::int64_t>(1002, 4))) << "once is enough";
  with_trials({all[3], all[4], all[1]});
  EXPECT_EQ(places()[2], (std::pair<double, std::int64_t>(1001, 2)));
  std::set<std::int64_t> different;
  for (const auto& [params, place] : places()) different.insert(place);
  EXPECT_EQ(different.size(), 5u);
}

TEST_F(StoreTest, GivesATrialBackToTheLastDigit) {
  const Trial trial = unusual_trial();
  with_trials({{.trial = trial}});
  const auto claim = store_.claim_next("s", self_);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->trial, trial);
  EXPECT_EQ(claim->identity, identity(trial));
  EXPECT_EQ(canonical_json(store_.trials("s").front().trial), canonical_json(trial));
}

TEST_F(StoreTest, AddingTheSameTrialsTwiceAddsNothing) {
  with_trials(tabular_trials(5));
  const AddedTrials again = store_.add_trials("s", tabular_trials(5));
  EXPECT_EQ(again.added, 0);
  EXPECT_EQ(again.already, 5);
  EXPECT_EQ(again.not_listed, 0);
  EXPECT_EQ(status().trials(), 5);
}

TEST_F(StoreTest, ALargerGridAddsOnlyWhatIsNewAndKeepsWhatItNoLongerLists) {
  with_trials(tabular_trials(3));
  const AddedTrials grown = store_.add_trials("s", tabular_trials(5));
  EXPECT_EQ(grown.added, 2);
  EXPECT_EQ(grown.already, 3);
  const AddedTrials shrunk = store_.add_trials("s", tabular_trials(1));
  EXPECT_EQ(shrunk.not_listed, 4);
  EXPECT_EQ(status().trials(), 5);
}

TEST_F(StoreTest, ATrialOfTwoStudiesIsRunOnce) {
  with_trials(tabular_trials(2, 1e9));
  store_.add_study("other", "");
  const AddedTrials added = store_.add_trials("other", tabular_trials(3, 2e9));
  EXPECT_EQ(added.shared, 2);
  EXPECT_EQ(added.added, 1);
  for (int i = 0; i < 2; ++i) {
    const auto claim = store_.claim_next("s", self_);
    ASSERT_TRUE(claim);
    ASSERT_TRUE(store_.finish(*claim, done_with(3)));
  }
  EXPECT_EQ(store_.status("other").done, 2);
  EXPECT_EQ(store_.status("other").planned, 1);
  EXPECT_THAT(store_.results("s").front().budget, Optional(1e9));
  EXPECT_THAT(store_.results("other").front().budget, Optional(2e9));
}

TEST_F(StoreTest, ClaimsTheDearestTrialFirst) {
  with_trials(tabular_trials(4));
  double last = std::numeric_limits<double>::infinity();
  while (const auto claim = store_.claim_next("s", self_)) {
    const double flops = total_flops(claim->trial, FlopConvention::kExact);
    EXPECT_LT(flops, last);
    last = flops;
  }
  EXPECT_EQ(status().running, 4);
}

TEST_F(StoreTest, AFinishedTrialIsAResultWithItsLossAndCosts) {
  with_trials({{.trial = tabular_trial(2000, 1e6, 3), .budget = 1.2e10}});
  const auto claim = store_.claim_next("s", self_);
  EXPECT_TRUE(store_.results("s").empty());
  ASSERT_TRUE(store_.finish(*claim, done_with(2.5)));
  const auto results = store_.results("s");
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].params, 2000);
  EXPECT_EQ(results[0].tokens, 1e6);
  EXPECT_EQ(results[0].flops, 6.0 * 2000 * 1e6);
  EXPECT_EQ(results[0].loss, 2.5);
  EXPECT_EQ(results[0].loss_error, 0.01);
  EXPECT_EQ(results[0].seed, 3);
  EXPECT_EQ(results[0].trial, claim->identity);
  EXPECT_TRUE(store_.results("s", FlopConvention::k6nd, "another set").empty());
}

TEST_F(StoreTest, AResultSaysHowElseItsRunCanBeCounted) {
  Trial trial;
  trial.train.tokens = 4096;
  with_trials({{.trial = trial}});
  Outcome outcome = done_with(2);
  outcome.evaluations.push_back({.heldout = "heldout:books", .loss = 2.5});
  ASSERT_TRUE(store_.finish(*store_.claim_next("s", self_), outcome));
  const Observation result = store_.results("s").at(0);
  EXPECT_EQ(result.extra.at("nonembedding_params"),
            static_cast<double>(count_params(trial.model).non_embedding()));
  EXPECT_EQ(result.extra.at("exact_flops"), total_flops(trial, FlopConvention::kExact));
  EXPECT_EQ(store_.heldout_sets("s"), (std::vector<std::string>{"heldout", "heldout:books"}));
  EXPECT_EQ(store_.results("s", FlopConvention::k6nd, "heldout:books").at(0).loss, 2.5);
}

TEST_F(StoreTest, CountsFlopsUnderTheConventionAskedFor) {
  Trial trial;
  trial.train.tokens = 4096;
  with_trials({{.trial = trial}});
  ASSERT_TRUE(store_.finish(*store_.claim_next("s", self_), done_with(2)));
  for (const FlopConvention convention : all_flop_conventions()) {
    EXPECT_EQ(store_.results("s", convention)[0].flops, total_flops(trial, convention));
  }
}

TEST_F(StoreTest, ALateWorkerCannotOverwriteItsSuccessor) {
  with_trials(tabular_trials(1));
  WorkerId dead = self_;
  dead.boot_id = "an earlier boot";
  const auto old_claim = store_.claim_next("s", dead);
  ASSERT_EQ(store_.release_dead("s").planned, 1);
  EXPECT_FALSE(store_.finish(*old_claim, done_with(9))) << "planned again, and nobody's";

  const auto claim = store_.claim_next("s", self_);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->trial_id, old_claim->trial_id);
  EXPECT_GT(claim->token, old_claim->token);
  EXPECT_FALSE(store_.heartbeat(*old_claim, 10));
  EXPECT_TRUE(store_.heartbeat(*claim, 10));
  EXPECT_FALSE(store_.finish(*old_claim, done_with(9)));
  EXPECT_EQ(status().running, 1);
  EXPECT_TRUE(store_.finish(*claim, done_with(2)));
  EXPECT_FALSE(store_.finish(*claim, done_with(1))) << "a claim ends once";
  EXPECT_THAT(store_.trials("s")[0].loss, Optional(2.0));
}

TEST_F(StoreTest, AnInterruptedTrialIsPlannedAgain) {
  with_trials(tabular_trials(1));
  const auto claim = store_.claim_next("s", self_);
  ASSERT_TRUE(store_.finish(*claim, {.status = OutcomeStatus::kInterrupted, .reason = "stopped"}));
  EXPECT_EQ(status().planned, 1);
  const auto again = store_.claim_next("s", self_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->trial_id, claim->trial_id);
  EXPECT_NE(again->attempt_id, claim->attempt_id);
}

TEST_F(StoreTest, EveryEndHasItsStateAndReason) {
  with_trials(tabular_trials(3));
  store_.finish(*store_.claim_next("s", self_),
                {.status = OutcomeStatus::kDiverged, .reason = "loss is NaN at step 4"});
  // Batches of 4 sequences, then 2, then 1, then there is nothing left to halve.
  for (int attempt = 0; attempt < 3; ++attempt) {
    store_.finish(*store_.claim_next("s", self_),
                  {.status = OutcomeStatus::kOutOfMemory, .reason = "out of memory"});
  }
  store_.finish(*store_.claim_next("s", self_),
                {.status = OutcomeStatus::kFailed, .reason = "no such file"});
  EXPECT_EQ(status().planned, 1) << "tried again once";
  store_.finish(*store_.claim_next("s", self_),
                {.status = OutcomeStatus::kFailed, .reason = "no such corpus"});
  const auto rows = store_.trials("s");  // cheapest first, so the last claimed first
  EXPECT_EQ(rows[0].state, "failed");
  EXPECT_EQ(rows[0].reason, "no such corpus");
  EXPECT_EQ(rows[1].state, "out_of_memory");
  EXPECT_EQ(rows[2].state, "diverged");
  EXPECT_EQ(status().diverged, 1);
  EXPECT_EQ(status().failed, 1);
  EXPECT_EQ(status().out_of_memory, 1);
  EXPECT_EQ(status().in_trouble(), 2);
  EXPECT_FALSE(store_.claim_next("s", self_));
}

TEST_F(StoreTest, ADoneTrialWhoseLossIsNotFiniteHasDiverged) {
  with_trials(tabular_trials(1));
  ASSERT_TRUE(store_.finish(*store_.claim_next("s", self_), done_with(std::nan(""))));
  EXPECT_EQ(status().diverged, 1);
  EXPECT_TRUE(store_.results("s").empty());
  EXPECT_THAT(store_.trials("s")[0].reason, HasSubstr("not finite"));
}

TEST_F(StoreTest, CurvesComeBackByStepAndALaterPointReplacesAnEarlierOne) {
  with_trials(tabular_trials(1));
  const auto claim = store_.claim_next("s", self_);
  const std::vector<CurvePoint> first{
      {.step = 2, .tokens = 20, .flops = 1e3, .train_loss = 5, .seconds = 0.2},
      {.step = 1, .tokens = 10, .flops = 5e2, .train_loss = std::nan(""), .seconds = 0.1}};
  store_.append_curve(*claim, first);
  const std::vector<CurvePoint> second{
      {.step = 2, .tokens = 20, .flops = 1e3, .train_loss = 4.5, .heldout_loss = 4.6}};
  store_.append_curve(*claim, second);
  const auto curve = store_.curve(claim->trial_id);
  ASSERT_EQ(curve.size(), 2u);
  EXPECT_EQ(curve[0].step, 1);
  EXPECT_TRUE(std::isnan(curve[0].train_loss));
  EXPECT_FALSE(curve[0].heldout_loss);
  EXPECT_EQ(curve[1].train_loss, 4.5);
  EXPECT_THAT(curve[1].heldout_loss, Optional(4.6));
}

TEST_F(StoreTest, OfSparseModelsTotalAndActiveParametersAndTheRoutersStatisticsComeBack) {
  Trial sparse;
  sparse.model.experts = 4;
  sparse.train.tokens = 4096;
  with_trials({{.trial = sparse}});
  const auto claim = store_.claim_next("s", self_);
  const RouterStats stats{.largest_load = 1.25,
                          .unused = 0.5,
                          .dropped = 0.125,
                          .entropy = 1.0 / 3,
                          .balance = 1.5,
                          .z = 2.5};
  const std::vector<CurvePoint> points{{.step = 1, .router = stats}, {.step = 2}};
  store_.append_curve(*claim, points);
  const auto curve = store_.curve(claim->trial_id);
  ASSERT_EQ(curve.size(), 2u);
  EXPECT_EQ(curve[0].router, stats);
  EXPECT_FALSE(curve[1].router);
  const TrialRow row = store_.trials("s").at(0);
  EXPECT_EQ(row.params, params_of(sparse));
  EXPECT_EQ(row.active_params, active_params_of(sparse));
  EXPECT_LT(row.active_params, row.params);
}

TEST_F(StoreTest, StatusCountsTheDonePartOfRunningTrials) {
  with_trials({{.trial = tabular_trial(1000, 1e6)}, {.trial = tabular_trial(3000, 1e6)}});
  const auto claim = store_.claim_next("s", self_);
  ASSERT_TRUE(store_.heartbeat(*claim, 2.5e5));
  const SweepStatus now = status();
  EXPECT_EQ(now.planned, 1);
  EXPECT_EQ(now.running, 1);
  EXPECT_THAT(now.flops_total, DoubleEq(6.0 * 4000 * 1e6));
  EXPECT_THAT(now.flops_done, DoubleEq(6.0 * 3000 * 2.5e5));
}

TEST_F(StoreTest, FitsAndCorporaAreFoundAgain) {
  store_.add_study("s", "");
  EXPECT_FALSE(store_.latest_fit("s"));
  store_.save_fit("s", "{\"n\": 1}");
  store_.save_fit("s", "{\"n\": 2}");
  EXPECT_THAT(store_.latest_fit("s"), Optional(std::string("{\"n\": 2}")));

  EXPECT_FALSE(store_.find_corpus("books"));
  store_.add_corpus({.identity = "id1", .name = "books", .path = "/old", .manifest = "{}"});
  store_.add_corpus({.identity = "id1", .name = "books", .path = "/new", .manifest = "{}"});
  ASSERT_TRUE(store_.find_corpus("books"));
  EXPECT_EQ(store_.find_corpus("books")->path, "/new");
  EXPECT_EQ(store_.find_corpus("id1")->name, "books");
}

TEST_F(StoreTest, AnUnknownStudyIsAUsageErrorThatNamesTheKnownOnes) {
  store_.add_study("books", "");
  try {
    store_.status("boks");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("books"));
  }
}

TEST_F(StoreTest, AReaderSeesTheStoreAndCannotWrite) {
  with_trials(tabular_trials(2));
  Store reader(folder_.file("runs.db"), StoreMode::kReadOnly);
  EXPECT_EQ(reader.status("s").planned, 2);
  EXPECT_THROW(reader.claim_next("s", self_), Error);
  ASSERT_TRUE(store_.claim_next("s", self_)) << "a reader does not stop the writer";
  EXPECT_EQ(reader.status("s").running, 1);
}

}  // namespace
}  // namespace isoflop
