#include "io/attempt_file.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <set>
#include <sys/resource.h>
#include <thread>

#include "core/error.h"
#include "io/assignment_json.h"
#include "io/atomic_file.h"
#include "io/attempt_json.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kIdentity = std::string(40, 'a') + std::string(24, 'b');

ForeignAttempt header() {
  return {.identity = kIdentity,
          .worker = {.host = "node\"1\" \xff",  // not UTF-8
                     .boot_id = "boot",
                     .pid_namespace = 4026531836,
                     .pid = 12,
                     .start_ticks = 345,
                     .device = "cuda:1"},
          .job = "slurm 1234_5",
          .restart = 2,
          .assigned = 1.6e9 + 1.0 / 3,
          .version = "0.1.0",
          .compiler = "gcc 12",
          .micro_batch = 8,
          .started = 1.7e9 + 0.123};
}

std::vector<CurvePoint> some_points(std::int64_t from, int count) {
  std::vector<CurvePoint> points;
  for (std::int64_t step = from; step < from + count; ++step) {
    points.push_back({.step = step,
                      .tokens = 512.0 * static_cast<double>(step),
                      .flops = 1e15 / 3,
                      .train_loss = std::sqrt(2.0 + static_cast<double>(step)),
                      .rate = 0.1 + 0.2,
                      .grad_norm = 5e-324,
                      .seconds = 1.0 / 7});
  }
  return points;
}

Outcome an_outcome() {
  return {.status = OutcomeStatus::kDone,
          .reason = "",
          .evaluations = {{.heldout = "heldout:wiki",
                           .loss = 1.0 / 3,
                           .standard_error = 0.01,
                           .bits_per_byte = 1.1,
                           .tokens = 4096,
                           .excess = 0.2,
                           .excess_error = 1e-3},
                          {.loss = 3}},
          .steps = 77,
          .tokens = 1e6,
          .seconds = 12.5,
          .unique_tokens = 9e5,
          .epochs = 1.11,
          .flops = 1e15,
          .resumed_at = 40,
          .mfu = 0.41,
          .notes = {"a note", "another\nof two lines"}};
}

void expect_equal(const Outcome& a, const Outcome& b) {
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.reason, b.reason);
  ASSERT_EQ(a.evaluations.size(), b.evaluations.size());
  for (std::size_t i = 0; i < a.evaluations.size(); ++i) {
    EXPECT_EQ(a.evaluations[i].heldout, b.evaluations[i].heldout);
    EXPECT_EQ(a.evaluations[i].loss, b.evaluations[i].loss);
    EXPECT_EQ(a.evaluations[i].standard_error, b.evaluations[i].standard_error);
    EXPECT_EQ(a.evaluations[i].bits_per_byte, b.evaluations[i].bits_per_byte);
    EXPECT_EQ(a.evaluations[i].tokens, b.evaluations[i].tokens);
    EXPECT_EQ(a.evaluations[i].excess, b.evaluations[i].excess);
    EXPECT_EQ(a.evaluations[i].excess_error, b.evaluations[i].excess_error);
  }
  EXPECT_EQ(a.steps, b.steps);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.seconds, b.seconds);
  EXPECT_EQ(a.unique_tokens, b.unique_tokens);
  EXPECT_EQ(a.epochs, b.epochs);
  EXPECT_EQ(a.flops, b.flops);
  EXPECT_EQ(a.resumed_at, b.resumed_at);
  EXPECT_EQ(a.mfu, b.mfu);
  EXPECT_EQ(a.notes, b.notes);
}

void expect_equal(const CurvePoint& a, const CurvePoint& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.flops, b.flops);
  EXPECT_EQ(a.train_loss, b.train_loss);
  EXPECT_EQ(a.heldout_loss, b.heldout_loss);
  EXPECT_EQ(a.heldout_error, b.heldout_error);
  EXPECT_EQ(a.rate, b.rate);
  EXPECT_EQ(a.grad_norm, b.grad_norm);
  EXPECT_EQ(a.seconds, b.seconds);
  EXPECT_EQ(a.router, b.router);
}

class AttemptFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "isoflop-attempts-XXXXXX").string();
    folder_ = std::string(::mkdtemp(name.data())) + "/attempts";
  }
  void TearDown() override { fs::remove_all(fs::path(folder_).parent_path()); }

  std::string folder_;
};

TEST_F(AttemptFileTest, GivesBackWhatWasWritten) {
  std::string path;
  auto points = some_points(1, 3);
  points[1].heldout_loss = 2.5;
  points[1].heldout_error = 0.25;
  points[2].router = RouterStats{.largest_load = 1.0 / 3, .dropped = 0.1, .entropy = 2, .z = 5};
  {
    AttemptFile file(folder_, header());
    path = file.path();
    file.append(points);
    file.heartbeat(5000);
    file.append(some_points(4, 2));
    file.end(an_outcome(), true);
    EXPECT_EQ(origin_of(path), file.origin());
  }
  const AttemptRead read = read_attempt(path);
  EXPECT_EQ(read.damage, "");
  ASSERT_TRUE(read.usable);
  const ForeignAttempt& attempt = read.attempt;
  EXPECT_EQ(attempt.identity, kIdentity);
  EXPECT_THAT(attempt.worker.host, HasSubstr("node\"1\""));
  EXPECT_EQ(attempt.worker.pid_namespace, 4026531836);
  EXPECT_EQ(attempt.worker.pid, 12);
  EXPECT_EQ(attempt.worker.start_ticks, 345);
  EXPECT_EQ(attempt.worker.boot_id, "boot");
  EXPECT_EQ(attempt.worker.device, "cuda:1");
  EXPECT_EQ(attempt.job, "slurm 1234_5");
  EXPECT_EQ(attempt.restart, 2);
  EXPECT_EQ(attempt.assigned, 1.6e9 + 1.0 / 3);
  EXPECT_EQ(attempt.version, "0.1.0");
  EXPECT_EQ(attempt.compiler, "gcc 12");
  EXPECT_EQ(attempt.micro_batch, 8);
  EXPECT_EQ(attempt.started, 1.7e9 + 0.123);
  EXPECT_GT(attempt.heartbeat, attempt.started);
  EXPECT_EQ(attempt.tokens_done, 1e6);
  EXPECT_TRUE(attempt.final);
  ASSERT_EQ(attempt.curve.size(), 5u);
  for (int i = 0; i < 3; ++i) expect_equal(attempt.curve[i], points[i]);
  ASSERT_TRUE(attempt.outcome);
  expect_equal(*attempt.outcome, an_outcome());
}

TEST_F(AttemptFileTest, NumbersThatAreNotFiniteComeBackAsNoNumber) {
  const double nan = std::nan("");
  auto points = some_points(1, 1);
  points[0].train_loss = nan;
  points[0].grad_norm = std::numeric_limits<double>::infinity();
  AttemptFile file(folder_, header());
  file.append(points);
  file.end(
      {.status = OutcomeStatus::kDiverged, .reason = "loss \xff", .evaluations = {{.loss = nan}}},
      true);
  const AttemptRead read = read_attempt(file.path());
  EXPECT_EQ(read.damage, "");
  EXPECT_TRUE(std::isnan(read.attempt.curve.at(0).train_loss));
  EXPECT_TRUE(std::isnan(read.attempt.curve.at(0).grad_norm));
  EXPECT_FALSE(read.attempt.curve.at(0).heldout_loss);
  ASSERT_TRUE(read.attempt.outcome);
  EXPECT_TRUE(std::isnan(read.attempt.outcome->evaluations.at(0).loss));
}

TEST_F(AttemptFileTest, EveryAttemptHasAFileOfItsOwn) {
  std::set<std::string> origins;
  for (int i = 0; i < 50; ++i) origins.insert(AttemptFile(folder_, header()).origin());
  EXPECT_EQ(origins.size(), 50u);
  ForeignAttempt other = header();
  other.identity = std::string(64, 'c');
  AttemptFile of_another(folder_, other);
  EXPECT_EQ(attempt_files(folder_).size(), 51u);
  EXPECT_EQ(attempt_files(folder_, kIdentity).size(), 50u);
  EXPECT_THAT(attempt_files(folder_, other.identity), ElementsAre(of_another.path()));
  EXPECT_THAT(attempt_files(folder_ + "/nowhere"), IsEmpty());
}

// At every byte at which a crash may have cut the file, and at which a reader may come by.
TEST_F(AttemptFileTest, AFileCutAnywhereIsReadUpToItsLastWholeLine) {
  AttemptFile file(folder_, header());
  file.append(some_points(1, 2));
  file.heartbeat(2000);
  file.append(some_points(3, 1));
  file.end(an_outcome(), false);
  const std::string text = read_whole_file(file.path());
  std::vector<std::size_t> ends;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') ends.push_back(i + 1);
  }
  ASSERT_EQ(ends.size(), 5u);
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const AttemptRead read = read_attempt_text(std::string_view(text).substr(0, size), file.path());
    ASSERT_EQ(read.damage, "") << size;
    const std::size_t lines =
        text.substr(0, size).size() < ends[0]
            ? 0
            : static_cast<std::size_t>(
                  std::count(text.begin(), text.begin() + static_cast<long>(size), '\n'));
    ASSERT_EQ(read.usable, lines > 0) << size;
    const std::size_t points[] = {0, 0, 2, 2, 3, 3};
    ASSERT_EQ(read.attempt.curve.size(), points[lines]) << size;
    ASSERT_EQ(read.attempt.outcome.has_value(), lines == 5) << size;
  }
}

TEST_F(AttemptFileTest, DamageIsNamedAndWhatStandsBeforeItCounts) {
  AttemptFile file(folder_, header());
  file.append(some_points(1, 2));
  const std::string whole = read_whole_file(file.path());
  const std::string heartbeat = attempt_heartbeat_line(9000, 2e9);
  for (const std::string& bad :
       {std::string("\n"), std::string("{\"at\": 1}\n"), std::string("not json\n"),
        std::string("{\"at\": 1, \"tokens\": 5, \"curve\": [[1, 2]]}\n"),
        std::string("{\"at\": 1, \"end\": {\"status\": \"bored\"}, \"final\": true}\n"),
        std::string(30, '\0') + "\n", std::string("[]\n"), std::string("{\"at\": 1e999}\n")}) {
    const AttemptRead read = read_attempt_text(whole + bad + heartbeat, "x/y.jsonl");
    EXPECT_THAT(read.damage, HasSubstr("x/y.jsonl: line 3")) << bad;
    EXPECT_TRUE(read.usable);
    EXPECT_EQ(read.attempt.curve.size(), 2u);
    EXPECT_LT(read.attempt.tokens_done, 9000);
  }
  EXPECT_THAT(read_attempt_text("{\"attempt\": {}}\n", "y").damage, HasSubstr("identity"));
  EXPECT_FALSE(read_attempt_text("{\"attempt\": {}}\n", "y").usable);
  EXPECT_FALSE(read_attempt(folder_ + "/nothing.jsonl").usable);
  EXPECT_THAT(read_attempt(folder_ + "/nothing.jsonl").damage, HasSubstr("nothing.jsonl"));
}

TEST_F(AttemptFileTest, NothingMayFollowItsEnd) {
  AttemptFile file(folder_, header());
  file.end(an_outcome(), false);
  file.heartbeat(1);
  const AttemptRead read = read_attempt(file.path());
  EXPECT_THAT(read.damage, HasSubstr("after its end"));
  EXPECT_TRUE(read.attempt.outcome);
}

// A write that does not fit leaves no half line behind, and what was handed over can come again.
TEST_F(AttemptFileTest, AFailedWriteLeavesWholeLinesOnly) {
  AttemptFile file(folder_, header());
  file.append(some_points(1, 2));
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit tight = before;
  tight.rlim_cur = fs::file_size(file.path()) + 50;
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  EXPECT_THROW(file.append(some_points(3, 5)), Error);
  EXPECT_THROW(file.append(some_points(3, 5)), Error);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(read_attempt(file.path()).attempt.curve.size(), 2u);
  file.append(some_points(3, 5));
  const AttemptRead read = read_attempt(file.path());
  EXPECT_EQ(read.damage, "");
  EXPECT_EQ(read.attempt.curve.size(), 7u);
}

TEST_F(AttemptFileTest, ReadersMayComeWhileItIsWritten) {
  AttemptFile file(folder_, header());
  std::thread writer([&] {
    for (std::int64_t step = 1; step <= 500; ++step) file.append(some_points(step, 1));
    file.end(an_outcome(), true);
  });
  std::size_t last = 0;
  for (bool ended = false; !ended;) {
    const AttemptRead read = read_attempt(file.path());
    ASSERT_EQ(read.damage, "");
    ASSERT_GE(read.attempt.curve.size(), last);
    last = read.attempt.curve.size();
    ended = read.attempt.outcome.has_value();
  }
  writer.join();
  EXPECT_EQ(last, 500u);
}

TEST_F(AttemptFileTest, AFolderThatCannotBeMadeIsNamed) {
  std::ofstream(fs::path(folder_)) << "a file";
  try {
    AttemptFile file(folder_, header());
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(folder_));
  }
}

// --- Assignments.

Assignment an_assignment() {
  Trial text;
  text.data.hash = std::string(64, 'd');
  text.train.rate = 0.1 + 0.2;
  text.train.tokens = 1.2345678901234567e9;
  Trial zipf;
  zipf.trainer = "tabular";
  zipf.data.source = "zipf";
  zipf.data.zipf_alpha = 1.0 / 3;
  zipf.tabular_params = 1000;
  zipf.train.tokens = 1e6;
  zipf.data.zipf_seed = std::numeric_limits<std::int64_t>::max();
  return {.study = "a \"study\"",
          .version = "0.1.0",
          .written = 1.7e9,
          .policy = {.bugs = 3, .kills = 4},
          .device = "cuda",
          .checkpoint_seconds = 60,
          .peak_flops = 989e12,
          .corpora = {{.hash = text.data.hash, .name = "c4", .dir = "/shared/c 4"}},
          .tasks = {{.index = 0,
                     .seconds = 1.5,
                     .trials = {{identity(text), text, 4, 1.0}, {identity(zipf), zipf, 0, 0.5}}},
                    {.index = 1, .seconds = 2, .trials = {{identity(zipf), zipf, 0, 2}}}}};
}

TEST_F(AttemptFileTest, AnAssignmentComesBackToTheLastDigit) {
  const Assignment written = an_assignment();
  write_assignment(folder_, written);
  const Assignment read = read_assignment(folder_);
  EXPECT_EQ(read.study, written.study);
  EXPECT_EQ(read.version, written.version);
  EXPECT_EQ(read.written, written.written);
  EXPECT_EQ(read.policy, written.policy);
  EXPECT_EQ(read.device, "cuda");
  EXPECT_EQ(read.checkpoint_seconds, 60);
  EXPECT_EQ(read.peak_flops, 989e12);
  ASSERT_EQ(read.corpora.size(), 1u);
  EXPECT_EQ(read.corpora[0].dir, "/shared/c 4");
  ASSERT_EQ(read.tasks.size(), 2u);
  ASSERT_EQ(read.tasks[0].trials.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(read.tasks[0].trials[i].trial, written.tasks[0].trials[i].trial);
    EXPECT_EQ(read.tasks[0].trials[i].identity, written.tasks[0].trials[i].identity);
    EXPECT_EQ(read.tasks[0].trials[i].seconds, written.tasks[0].trials[i].seconds);
  }
  EXPECT_EQ(read.tasks[0].trials[0].micro_batch, 4);
  EXPECT_THROW(write_assignment(folder_, written), Error) << "a folder is assigned once";
}

TEST_F(AttemptFileTest, OneTaskIsReadAloneAndOneThatIsNotThereIsNamed) {
  write_assignment(folder_, an_assignment());
  const Assignment one = read_task(folder_, 1);
  ASSERT_EQ(one.tasks.size(), 1u);
  EXPECT_EQ(one.tasks[0].index, 1);
  EXPECT_EQ(one.study, "a \"study\"");
  EXPECT_THAT(read_assignment_header(folder_).tasks, IsEmpty());
  for (const std::int64_t index : {-1, 2, 1000}) EXPECT_THROW(read_task(folder_, index), Error);
}

TEST_F(AttemptFileTest, AnAssignmentThatWasCutOrChangedIsRefused) {
  const std::string text = assignment_jsonl(an_assignment());
  const auto refused = [&](const std::string& changed) {
    fs::create_directories(folder_);
    std::ofstream(folder_ + "/" + kAssignmentFileName, std::ios::binary) << changed;
    try {
      read_assignment(folder_);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refused(text), "");
  EXPECT_THAT(refused(text.substr(0, text.size() / 2)), HasSubstr(kAssignmentFileName));
  EXPECT_THAT(refused(text.substr(0, text.find('\n') + 1)), HasSubstr("was cut"));
  EXPECT_THAT(refused("{}\n"), HasSubstr("isoflop"));
  std::string other = text;
  other.replace(other.find("1000000.0"), 9, "2000000.0");
  EXPECT_THAT(refused(other), HasSubstr("another version"));
  other = text;
  other.replace(other.find("\"train.rate\""), 12, "\"train.tare\"");
  EXPECT_THAT(refused(other), HasSubstr("line 2"));
}

}  // namespace
}  // namespace isoflop
