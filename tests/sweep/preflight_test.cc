#include "sweep/preflight.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/shape_rule.h"
#include "sweep/cost.h"
#include "sweep/memory_watch.h"
#include "tests/db/test_store.h"
#include "tests/faults/private_disk.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Trial decoder_of(std::int64_t width) {
  Trial trial;
  trial.model = shape_for_width(width, {});
  trial.train.tokens = 512 * 1000;
  return trial;
}

class PreflightTest : public ::testing::Test {
 protected:
  PreflightTest() {
    const DiskSpace roomy{.free = 1e12, .total = 2e12};
    facts_.store = {.path = "/data", .disk = 1, .space = roomy};
    facts_.logs = {.path = "/data/logs", .disk = 1, .space = roomy};
    facts_.checkpoints = PlaceFact{.path = "/big", .disk = 2, .space = roomy};
    facts_.memory_bytes = 1e12;
    facts_.corpora = {{.path = "/books", .expected_identity = "abc", .identity = "abc"}};
  }
  std::vector<std::string> notes() const {
    return preflight(facts_, {.trials = trials_, .workers = workers_, .on_cpu = on_cpu_});
  }
  Error refusal() const {
    try {
      notes();
    } catch (const Error& error) {
      return error;
    }
    return failure("it was not refused");
  }
  void expect_refused(const std::string& code, const std::string& part,
                      const std::string& other = "") const {
    const Error error = refusal();
    EXPECT_EQ(error.code(), code);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(part), HasSubstr(other)));
  }

  PreflightFacts facts_;
  std::vector<Trial> trials_ = std::vector<Trial>(8, decoder_of(256));
  double state_ = 16 * params_of(decoder_of(256));
  int workers_ = 4;
  bool on_cpu_ = true;
};

TEST_F(PreflightTest, ARoomyMachineHasNothingToSay) { EXPECT_THAT(notes(), IsEmpty()); }

TEST_F(PreflightTest, EveryPlaceMustBeWritable) {
  for (PlaceFact* place : {&facts_.store, &facts_.logs, &*facts_.checkpoints}) {
    place->trouble = "Permission denied";
    expect_refused("not_writable", place->path, "Permission denied");
    place->trouble = "";
  }
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(PreflightTest, CheckpointsNeedThreeStatesForEveryWorkerAndTheReserve) {
  const double needed = 4 * 3 * state_ + 64 * 1024 * 1024;
  facts_.checkpoints->space.free = needed + 1;
  EXPECT_THAT(notes(), IsEmpty());
  facts_.checkpoints->space.free = needed - 1e6;
  expect_refused("disk_full", "/big", "are free");
  workers_ = 1;
  EXPECT_THAT(notes(), IsEmpty()) << "fewer workers need less";
}

TEST_F(PreflightTest, BothNumbersAreNamed) {
  facts_.checkpoints->space.free = 1e6;
  expect_refused("disk_full", "1.00 MB are free", "needs about ");
}

TEST_F(PreflightTest, EveryTrunkKeepsAState) {
  for (std::size_t i = 0; i < trials_.size(); ++i) {
    trials_[i].train.schedule = "cooldown";
    trials_[i].seed = static_cast<std::int64_t>(i / 2);  // four trunks of two
  }
  const double needed = (4 * 3 + 4) * state_ + 64 * 1024 * 1024;
  facts_.checkpoints->space.free = needed + 1;
  EXPECT_THAT(notes(), IsEmpty());
  facts_.checkpoints->space.free = needed - 1e6;
  expect_refused("disk_full", "/big");
}

TEST_F(PreflightTest, WhatAnEarlierRunLeftIsNotNeededAgain) {
  facts_.checkpoints->space.free = 9 * state_ + 64 * 1024 * 1024;
  expect_refused("disk_full", "/big");
  facts_.checkpoints->bytes_there = 3 * state_;
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(PreflightTest, PlacesOfOneDiskShareIt) {
  facts_.checkpoints->disk = facts_.store.disk;
  const double checkpoints = 4 * 3 * state_ + 64 * 1024 * 1024;
  facts_.store.space.free = facts_.checkpoints->space.free = checkpoints + 1;
  expect_refused("disk_full", "/big");
}

TEST_F(PreflightTest, ASmallDiskIsNotAskedForALargeReserve) {
  trials_ = {tabular_trial(1000, 1e6)};
  facts_.store.space = {.free = 1e6, .total = 2e6};
  EXPECT_THAT(notes(), IsEmpty());
  facts_.store.space.free = 50e3;
  expect_refused("disk_full", "/data");
}

TEST_F(PreflightTest, NothingLeftToRunNeedsNothing) {
  trials_.clear();
  facts_.store.space.free = 0;
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(PreflightTest, ATrialThatCannotFitAtAllIsRefused) {
  facts_.memory_bytes = state_;  // without a single activation
  expect_refused("memory", "one sequence at a time", "are available");
  on_cpu_ = false;
  EXPECT_THAT(notes(), IsEmpty()) << "a device has memory of its own";
}

TEST_F(PreflightTest, WorkersThatDoNotFitTogetherAreANoteThatSaysHowManyDo) {
  facts_.memory_bytes = 2.5 * memory_bytes(trials_[0]);
  EXPECT_THAT(notes(), ElementsAre(AllOf(HasSubstr("the 4 largest"), HasSubstr("--workers 2"))));
  workers_ = 2;
  EXPECT_THAT(notes(), IsEmpty());
  facts_.memory_bytes = 0;  // unknown
  workers_ = 4;
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(PreflightTest, TheCorpusMustBeThereAndTheRightOne) {
  facts_.corpora[0].trouble = "tokens.bin: is gone";
  expect_refused("corpus", "/books", "tokens.bin: is gone");
  facts_.corpora[0].trouble = "";
  facts_.corpora[0].identity = "def";
  expect_refused("corpus", "has def", "they name abc");
}

// --- The real machine.

TEST(GatherFactsTest, FoldersAreMadeAndTriedAndLeftClean) {
  TemporaryFolder folder;
  const PreflightFacts facts =
      gather_facts({.db = folder.file("runs.db"),
                    .checkpoint_dir = folder.file("checkpoints"),
                    .corpora = {{.path = "/books", .expected_identity = "abc"}, {.path = "/gone"}},
                    .open_corpus = [](const std::string& dir) -> std::string {
                      if (dir == "/gone") throw failure("no manifest");
                      return "abc";
                    }});
  EXPECT_EQ(facts.store.trouble, "");
  EXPECT_EQ(facts.logs.trouble, "");
  EXPECT_EQ(facts.checkpoints->trouble, "");
  EXPECT_TRUE(std::filesystem::is_empty(folder.file("checkpoints")));
  EXPECT_TRUE(std::filesystem::is_empty(folder.file("runs.db.logs")));
  EXPECT_EQ(facts.store.disk, facts.checkpoints->disk);
  EXPECT_GT(facts.store.space.total, 0);
  EXPECT_GT(facts.memory_bytes, 1e6);
  EXPECT_EQ(facts.corpora[0].identity, "abc");
  EXPECT_EQ(facts.corpora[1].trouble, "no manifest");
}

TEST(GatherFactsTest, AFileInThePlaceOfAFolderIsTrouble) {
  TemporaryFolder folder;
  std::ofstream(folder.file("runs.db.logs")) << "a file";
  const PreflightFacts facts = gather_facts({.db = folder.file("runs.db")});
  EXPECT_NE(facts.logs.trouble, "");
  EXPECT_FALSE(facts.checkpoints);
}

TEST(GatherFactsTest, AFullDiskIsSeenAndWhatLiesThereIsCounted) {
  TemporaryFolder folder;
  const PrivateDisk disk(folder.file("disk"), 1 << 20);
  if (!disk.why().empty()) GTEST_SKIP() << disk.why();
  disk.fill();
  const PreflightFacts facts =
      gather_facts({.db = folder.file("runs.db"), .checkpoint_dir = disk.folder()});
  EXPECT_EQ(facts.checkpoints->trouble, "No space left on device");
  EXPECT_EQ(facts.checkpoints->space.free, 0);
  EXPECT_EQ(facts.checkpoints->space.total, 1 << 20);
  EXPECT_NEAR(facts.checkpoints->bytes_there, 1 << 20, 8192);
  EXPECT_NE(facts.checkpoints->disk, facts.store.disk);
}

TEST(MemoryWatchTest, AKillIsClaimedOnceAndForgottenAfterAWhile) {
  std::int64_t kills = 3;
  OomWatch watch([&] { return kills; });
  EXPECT_FALSE(watch.claim_kill()) << "those before the sweep are not its own";
  kills = 5;
  EXPECT_TRUE(watch.claim_kill());
  EXPECT_TRUE(watch.claim_kill());
  EXPECT_FALSE(watch.claim_kill());
}

TEST(MemoryWatchTest, TheKernelAnswers) {
  EXPECT_GT(available_memory(), 0);
  EXPECT_GE(kernel_oom_kills(), 0);
}

}  // namespace
}  // namespace isoflop
