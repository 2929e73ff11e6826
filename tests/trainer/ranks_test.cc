// Several processes of one trial, here as threads of this one: each has its own sockets, model and
// optimizer. What only a process can do (die) is in tests/app/ranks_test.cc.
#ifdef ISOFLOP_TEST_HAS_TORCH
#include "trainer/ranks.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>
#include <unistd.h>

#include "core/error.h"
#include "core/stopwatch.h"
#include "trainer/gradient_sum.h"
#include "trainer/rank_meeting.h"
#include "trainer/training.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

// Runs `body` for each rank of a world on loopback; gives what each threw.
std::vector<std::string> run_ranks(int world, const std::function<void(const RankPlace&)>& body) {
  const int socket = listen_at("127.0.0.1", 0);
  std::vector<std::string> errors(static_cast<std::size_t>(world));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world; ++rank) {
    const RankPlace place{.rank = rank,
                          .world = world,
                          .local_rank = rank,
                          .port = port_of(socket),
                          .listening_socket = rank == 0 ? socket : -1};
    threads.emplace_back([&errors, &body, place] {
      try {
        body(place);
      } catch (const std::exception& error) {
        errors[static_cast<std::size_t>(place.rank)] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

void expect_no_errors(const std::vector<std::string>& errors) {
  for (const std::string& error : errors) EXPECT_EQ(error, "");
}

TEST(Ranks, AddUpScatterGatherAndSpread) {
  for (const int world : {2, 4}) {
    expect_no_errors(run_ranks(world, [&](const RankPlace& place) {
      Ranks ranks(place, {});
      const double all = world * (world + 1) / 2;
      const auto flat = torch::full({world * 3}, place.rank + 1.0, torch::kFloat32);
      ranks.all_reduce(flat)();
      EXPECT_TRUE(torch::equal(flat, torch::full_like(flat, all)));

      const auto whole = torch::arange(world * 2, torch::kFloat32) * (place.rank + 1);
      const auto shard = torch::empty({2});
      ranks.reduce_scatter(whole, shard);
      EXPECT_EQ(shard[1].item<double>(), (2 * place.rank + 1) * all);
      const auto gathered = torch::empty({world * 2});
      ranks.all_gather(gathered, shard);
      EXPECT_TRUE(torch::equal(gathered, torch::arange(world * 2, torch::kFloat32) * all));

      EXPECT_EQ(ranks.sum({1.0, 0.5 * place.rank}).at(1), 0.5 * (all - world));
      EXPECT_EQ(ranks.broadcast("from " + std::to_string(place.rank)), "from 0");
      EXPECT_EQ(ranks.from_first([] { return std::string("made"); }), "made");
      EXPECT_FALSE(ranks.gone());
    }));
  }
}

TEST(Ranks, AloneNeedNobody) {
  Ranks ranks;
  const auto flat = torch::ones({3});
  ranks.all_reduce(flat)();
  EXPECT_TRUE(torch::equal(flat, torch::ones({3})));
  EXPECT_EQ(ranks.sum({2.5}).at(0), 2.5);
  EXPECT_EQ(ranks.broadcast(std::string("x")), "x");
}

TEST(Ranks, WhatRankZeroRefusesIsRefusedByAllAndSaidOnce) {
  std::mutex mutex;
  std::map<int, std::string> said;
  run_ranks(2, [&](const RankPlace& place) {
    Ranks ranks(place, {});
    try {
      ranks.from_first([]() -> std::string { throw refusal("no_way", "there is none"); });
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kRefused);
      EXPECT_EQ(error.code(), "no_way");
      const std::scoped_lock lock(mutex);
      said[place.rank] = error.what();
    }
  });
  EXPECT_EQ(said, (std::map<int, std::string>{{0, "there is none"}, {1, ""}}));
}

TEST(Ranks, WaitForRankZerosWorkBeyondTheTimeLimit) {
  expect_no_errors(run_ranks(2, [](const RankPlace& place) {
    Ranks ranks(place, {.timeout_seconds = 0.5});
    ranks.from_first([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1200));
      return std::string();
    });
  }));
}

TEST(Ranks, OneThatIsOnlySlowIsNotCalledGone) {
  const auto errors = run_ranks(2, [](const RankPlace& place) {
    Ranks ranks(place, {.timeout_seconds = 0.5});
    if (place.rank == 1) std::this_thread::sleep_for(std::chrono::seconds(10));
    ranks.barrier();
  });
  EXPECT_THAT(errors[0], testing::AllOf(testing::HasSubstr("all 2 are alive"),
                                        testing::HasSubstr("raise --peer-timeout")));
}

TEST(Ranks, SayWhoDidNotCome) {
  const int socket = listen_at("127.0.0.1", 0);
  const RankPlace alone{.rank = 0, .world = 3, .port = port_of(socket), .listening_socket = socket};
  try {
    Ranks ranks(alone, {.timeout_seconds = 0.5});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("rank 1, 2 did not come to 127.0.0.1:"));
  }
}

TEST(Ranks, SayThatThePortIsTaken) {
  const int socket = listen_at("127.0.0.1", 0);
  try {
    Ranks ranks({.rank = 0, .world = 2, .port = port_of(socket)}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("Address already in use: set another MASTER_PORT"));
  }
  ::close(socket);
}

TEST(Ranks, ThatLeaveWithAnErrorAreNamedToTheOthersAtOnce) {
  const Stopwatch watch;
  const auto errors = run_ranks(3, [](const RankPlace& place) {
    Ranks ranks(place, {});
    if (place.rank == 1) throw std::runtime_error("of its own");
    ranks.barrier();
  });
  EXPECT_EQ(errors[1], "of its own");
  for (const int rank : {0, 2}) {
    EXPECT_THAT(errors[static_cast<std::size_t>(rank)],
                testing::HasSubstr("rank 1 of 3 on " + own_host() + " is gone"));
  }
  EXPECT_LT(watch.seconds(), 10);
}

// Of this process' sockets that listen, as /proc/net/tcp writes them: "0100007F:1F90".
std::vector<std::string> listening_addresses() {
  std::set<std::string> own;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = fs::read_symlink(entry.path(), gone).string();
    if (target.rfind("socket:[", 0) == 0) own.insert(target.substr(8, target.size() - 9));
  }
  std::vector<std::string> found;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(table);
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string number, local, remote, state, word, inode;
      words >> number >> local >> remote >> state;
      for (int i = 0; i < 6; ++i) words >> inode;
      if (state == "0A" && own.count(inode) > 0) found.push_back(local.substr(0, local.find(':')));
    }
  }
  return found;
}

TEST(Ranks, ListenOnLoopbackOnly) {
  std::vector<std::string> addresses;
  expect_no_errors(run_ranks(2, [&](const RankPlace& place) {
    Ranks ranks(place, {});
    if (place.rank == 0) addresses = listening_addresses();
    ranks.barrier();
  }));
  EXPECT_GE(addresses.size(), 2u) << "the store and two of Gloo's";
  for (const std::string& address : addresses) EXPECT_EQ(address, "0100007F");
}

// --- Trials.

CorpusManifest none_there(const std::string&) { throw failure("no corpus"); }

Trial ranked_trial(std::int64_t steps, std::int64_t batch = 4) {
  Trial trial;
  trial.data.source = "zipf";
  trial.model.vocab = trial.data.zipf_base + trial.data.zipf_alphabet;
  trial.model.context = 16;
  trial.model.width = 16;
  trial.model.heads = 2;
  trial.model.head_size = 8;
  trial.model.hidden = 64;
  trial.train.batch = batch;
  trial.train.tokens = static_cast<double>(steps * batch * 16);
  trial.train.rate = 0.01;
  trial.eval_windows = 9;
  return trial;
}

struct RankedRun {
  Outcome outcome;
  std::map<std::int64_t, double> curve;  // of rank 0
  double loss() const { return outcome.evaluations.at(0).loss; }
};

struct Settings {
  TransformerRunnerOptions options = {};
  RunContext context = {};
  std::int64_t stop_at = 0;  // tokens; 0: never
};

RankedRun run_one_of(const RankPlace& place, const Trial& trial, const Settings& settings) {
  RankedRun run;
  RunContext context = settings.context;
  context.record_curve = [&](std::span<const CurvePoint> points) {
    EXPECT_EQ(place.rank, 0) << "curves are rank 0's";
    for (const CurvePoint& point : points) run.curve[point.step] = point.train_loss;
  };
  context.should_stop = [&](double tokens) {
    return settings.stop_at > 0 && tokens >= static_cast<double>(settings.stop_at) &&
           place.rank == place.world - 1;  // a signal may reach one process only
  };
  TransformerRunnerOptions options = settings.options;
  options.place = place;
  run.outcome = make_transformer_runner(none_there, options)->run({&trial, 1}, context).front();
  return run;
}

// All processes have to come to the same outcome; gives rank 0's.
RankedRun run_world(int world, const Trial& trial, const Settings& settings = {}) {
  if (world == 1) return run_one_of({}, trial, settings);
  std::vector<RankedRun> runs(static_cast<std::size_t>(world));
  expect_no_errors(run_ranks(world, [&](const RankPlace& place) {
    runs[static_cast<std::size_t>(place.rank)] = run_one_of(place, trial, settings);
  }));
  for (const RankedRun& run : runs) {
    EXPECT_EQ(run.outcome.status, runs[0].outcome.status);
    EXPECT_EQ(run.outcome.steps, runs[0].outcome.steps);
    if (!run.outcome.evaluations.empty()) {
      EXPECT_EQ(run.loss(), runs[0].loss());
    }
  }
  return runs[0];
}

// One step is equal to float32 rounding (6e-8); steps of AdamW amplify it, as micro-batches do in
// training_test.cc.
void expect_same_to_rounding(const RankedRun& several, const RankedRun& one) {
  ASSERT_FALSE(several.outcome.evaluations.empty());
  EXPECT_NEAR(several.curve.at(1), one.curve.at(1), 1e-6);
  EXPECT_NEAR(several.loss(), one.loss(), 2e-4);
  EXPECT_NEAR(several.outcome.evaluations[0].standard_error,
              one.outcome.evaluations[0].standard_error, 2e-4);
  EXPECT_NEAR(*several.outcome.evaluations[0].excess, *one.outcome.evaluations[0].excess, 2e-4);
  EXPECT_EQ(several.outcome.tokens, one.outcome.tokens);
  EXPECT_EQ(several.curve.size(), one.curve.size());
}

struct RankedTraining : testing::Test {
  fs::path dir = fs::path(testing::TempDir()) /
                 ("isoflop-ranks-" + std::to_string(::getpid()) + "-" +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
  RankedTraining() { fs::remove_all(dir); }
  ~RankedTraining() override { fs::remove_all(dir); }
};

TEST_F(RankedTraining, TwoAndFourProcessesGiveTheLossesOfOne) {
  const Trial trial = ranked_trial(30);
  const RankedRun one = run_world(1, trial);
  for (const int world : {2, 4}) expect_same_to_rounding(run_world(world, trial), one);
}

TEST_F(RankedTraining, SharesNeedNotBeEqualNorBeThere) {
  Settings small;
  small.context.micro_batch = 2;  // of 4 processes two have none of it
  const Trial trial = ranked_trial(20, 5);
  const RankedRun one = run_world(1, trial, small);
  expect_same_to_rounding(run_world(3, trial), run_world(1, trial));
  expect_same_to_rounding(run_world(4, trial, small), one);
}

TEST_F(RankedTraining, ASumThatOverlapsTheBackwardPassIsTheSameSum) {
  Settings plain;
  plain.options.plain_path = true;
  plain.options.bucket_bytes = 4096;
  const Trial trial = ranked_trial(12);
  const RankedRun one = run_world(1, trial, plain);
  for (const int world : {2, 4}) expect_same_to_rounding(run_world(world, trial, plain), one);
  plain.context.micro_batch = 2;
  expect_same_to_rounding(run_world(2, trial, plain), run_world(1, trial, plain));
}

TEST_F(RankedTraining, AShardedOptimizerTakesTheSameSteps) {
  Settings sharded;
  sharded.options.sharded = true;
  Trial trial = ranked_trial(30);
  trial.model.mup_base = 8;  // groups with rates of their own, cut by the shards
  const RankedRun one = run_world(1, trial);
  for (const int world : {2, 3, 4}) {
    expect_same_to_rounding(run_world(world, trial, sharded), one);
  }
}

TEST_F(RankedTraining, GoesOnInAnotherNumberOfProcesses) {
  const Trial trial = ranked_trial(30);
  const RankedRun one = run_world(1, trial);
  for (const bool sharded : {false, true}) {
    Settings settings;
    settings.options.sharded = sharded;
    settings.context.checkpoint_dir = (dir / (sharded ? "sharded" : "whole")).string();
    for (const auto& [world, step] : std::vector<std::pair<int, int>>{{1, 7}, {2, 14}, {4, 21}}) {
      settings.stop_at = step * 64;
      const RankedRun part = run_world(world, trial, settings);
      EXPECT_EQ(part.outcome.status, OutcomeStatus::kInterrupted);
      EXPECT_EQ(part.outcome.steps, step);
    }
    settings.stop_at = 0;
    const RankedRun last = run_world(1, trial, settings);
    EXPECT_EQ(last.outcome.resumed_at, 21);
    expect_same_to_rounding(last, one);
  }
}

TEST_F(RankedTraining, AHalfDoneStepOfOneProcessIsEndedByTwo) {
  const Trial trial = ranked_trial(10);
  Settings settings;
  settings.context.checkpoint_dir = dir.string();
  settings.context.micro_batch = 2;
  settings.stop_at = 4 * 64 + 32;
  EXPECT_EQ(run_world(1, trial, settings).outcome.tokens, 4 * 64 + 32);
  settings.stop_at = 0;
  const RankedRun rest = run_world(2, trial, settings);
  EXPECT_EQ(rest.outcome.resumed_at, 4);
  settings.context.checkpoint_dir.clear();
  expect_same_to_rounding(rest, run_world(1, trial, settings));
}

TEST_F(RankedTraining, DivergesInAllProcessesAtOnce) {
  Trial trial = ranked_trial(400);
  trial.train.rate = 30;
  trial.train.weight_decay = 0;
  EXPECT_EQ(run_world(2, trial).outcome.status, OutcomeStatus::kDiverged);
}

TEST_F(RankedTraining, AnotherTrialsCheckpointIsRefusedByAll) {
  Settings settings;
  settings.context.checkpoint_dir = dir.string();
  settings.stop_at = 5 * 64;
  Trial trial = ranked_trial(10);
  run_world(1, trial, settings);
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file()) settings.context.resume_from = entry.path().string();
  }
  settings.context.checkpoint_dir.clear();
  trial.train.rate = 0.02;
  const auto errors =
      run_ranks(2, [&](const RankPlace& place) { run_one_of(place, trial, settings); });
  EXPECT_THAT(errors[0], testing::HasSubstr("train.rate: 0.01, not 0.02"));
}

TEST(GradientSum, SendsBucketsWhileTheBackwardPassGoesOn) {
  ModelConfig config{.vocab = 32, .context = 8, .layers = 3, .width = 16, .heads = 2};
  config.head_size = 8;
  config.hidden = 64;
  expect_no_errors(run_ranks(2, [&](const RankPlace& place) {
    Ranks ranks(place, {});
    Transformer model(config, 1, TransformerPath::kPlain);
    AdamW optimizer(model->groups(), TrainSpec());
    GradientSum sum(ranks, model->groups(), optimizer.flat_gradients(),
                    {.first_bucket = 1024, .bucket = 8192});
    EXPECT_GT(sum.buckets(), 4u);
    for (int step = 0; step < 3; ++step) {
      optimizer.zero_gradients();
      std::vector<std::int32_t> window(9);
      for (std::size_t i = 0; i < 9; ++i) {
        window[i] = static_cast<std::int32_t>(7 * i + static_cast<std::size_t>(step)) % 32;
      }
      const auto alone = [&] {
        model->add_gradients(next_token_batch(window, 8), place.rank + 1.0);
        return optimizer.flat_gradients().clone();
      }();
      optimizer.zero_gradients();
      sum.begin();
      model->add_gradients(next_token_batch(window, 8), place.rank + 1.0);
      sum.send_rest();
      sum.wait();
      // 1 + 2 times the gradient, of which this rank has rank + 1: a relative float32 rounding.
      const auto expected = alone * (3.0 / (place.rank + 1.0));
      EXPECT_TRUE(torch::allclose(optimizer.flat_gradients(), expected, 1e-5, 1e-7));
      EXPECT_EQ(sum.sent_early(), sum.buckets()) << "all were complete before the pass returned";
    }
  }));
}

}  // namespace
}  // namespace isoflop
#endif
