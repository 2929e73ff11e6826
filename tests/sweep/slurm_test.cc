#include "sweep/slurm.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "core/stopwatch.h"
#include "sweep/timed_command.h"
#include "sweep/worker_process.h"
#include "tests/db/test_store.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// As `scontrol show config` of Slurm 22.05 writes it.
constexpr const char* kConfig =
    "Configuration data as of 2026-11-23T15:01:37\n"
    "JobRequeue              = 1\n"
    "MaxArraySize            = 1001\n"
    "RequeueExit             = (null)\n"
    "RequeueExitHold         = 99\n"
    "SLURM_VERSION           = 22.05.8\n";

std::string config_with(const std::string& requeue_exit) {
  return "MaxArraySize = 9\nRequeueExit = " + requeue_exit + "\n";
}

SlurmJob job() {
  return {.name = "demo",
          .folder = "/shared/demo/first",
          .logs = "/shared/demo/logs",
          .program = "/opt/isoflop"};
}

TEST(SlurmSite, IsReadFromScontrol) {
  const SlurmSite site = parse_slurm_config(kConfig);
  EXPECT_EQ(site.version, "22.05.8");
  EXPECT_EQ(site.max_array_size, 1001);
  EXPECT_FALSE(site.requeues_99) << "RequeueExitHold is another setting";
}

TEST(SlurmSite, KnowsLists99In) {
  EXPECT_TRUE(parse_slurm_config(config_with("99")).requeues_99);
  EXPECT_TRUE(parse_slurm_config(config_with("1,95-105")).requeues_99);
  EXPECT_FALSE(parse_slurm_config(config_with("9,199,100-990")).requeues_99);
}

TEST(SlurmSite, WithoutArraysIsAnErrorThatSaysTheOtherWay) {
  try {
    parse_slurm_config("MaxArraySize = 0\n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("sweep assign"));
  }
  EXPECT_THROW(parse_slurm_config("slurm_load_ctl_conf error"), Error);
}

TEST(SlurmScript, ExecsTheProgramWhereTheSiteRequeues99) {
  const std::string text = slurm_script(job(), {.requeues_99 = true});
  EXPECT_THAT(text, HasSubstr("exec '/opt/isoflop' sweep task '/shared/demo/first' --index "
                              "\"$index\"\n"));
  EXPECT_THAT(text, HasSubstr("#SBATCH --signal=B:TERM@120\n"));
  EXPECT_THAT(text, Not(HasSubstr("scontrol")));
  for (const char* line : {"#SBATCH --open-mode=append\n", "#SBATCH --requeue\n",
                           "#SBATCH --output=/shared/demo/logs/%A_%a.log\n", "OMP_NUM_THREADS=1"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(SlurmScript, RequeuesOneTaskOfTheArrayWhereTheSiteDoesNot) {
  const std::string text = slurm_script(job(), {});
  EXPECT_THAT(text, HasSubstr("#SBATCH --signal=B:USR1@120\n"));
  EXPECT_THAT(text, HasSubstr("requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\""));
}

TEST(SlurmScript, HasWhatWasAskedFor) {
  SlurmJob asked = job();
  asked.partition = "spot";
  asked.time = "1-12:00:00";
  asked.mem = "4G";
  asked.account = "lab";
  asked.cpus = 2;
  asked.extra = {"--qos=long --gres=gpu:1"};
  const std::string text = slurm_script(asked, {});
  for (const char* line : {"--partition=spot\n", "--time=1-12:00:00\n", "--mem=4G\n",
                           "--account=lab\n", "--cpus-per-task=2\n", "--qos=long --gres=gpu:1\n"}) {
    EXPECT_THAT(text, HasSubstr(std::string("#SBATCH ") + line));
  }
  EXPECT_THAT(slurm_script(job(), {}), Not(HasSubstr("--partition")));
}

TEST(SlurmScript, KeepsOddNamesApartFromItsOwnWords) {
  SlurmJob odd = job();
  odd.logs = "/shared/100% my/logs";
  odd.folder = "/shared/it's";
  const std::string text = slurm_script(odd, {});
  EXPECT_THAT(text, HasSubstr("#SBATCH --output=\"/shared/100%% my/logs/%A_%a.log\"\n"));
  EXPECT_THAT(text, HasSubstr("task '/shared/it'\\''s' --index"));
  odd.logs = "/shared/\"logs\"";
  EXPECT_THROW(slurm_script(odd, {}), Error);
  odd = job();
  odd.extra = {"--qos=a\nrm -rf x"};
  EXPECT_THROW(slurm_script(odd, {}), Error);
}

// A task's script under a bash of ours, in the place of slurmstepd. sleep returns at once, because
// Slurm would end the script then, and scontrol says what it was asked.
class ScriptRun {
 public:
  // `before`: what bash does first.
  ScriptRun(const SlurmSite& site, const std::string& program, const std::string& before = "") {
    write("program", program);
    write("before", before);
    write("scontrol", "echo \"scontrol $*\" >> \"$HERE/said\"\n");
    write("sleep", "exit 0\n");
    SlurmJob run = job();
    run.program = folder_.file("program");
    write("job.sh", slurm_script(run, site));
    pid_ = start_worker({.command = {"env", "HERE=" + folder_.file(""),
                                     "PATH=" + folder_.file("") + ":" + std::getenv("PATH"),
                                     "BASH_ENV=" + folder_.file("before"), "SLURM_ARRAY_JOB_ID=12",
                                     "SLURM_ARRAY_TASK_ID=3", "bash", folder_.file("job.sh"), "4"},
                         .log = folder_.file("log")});
  }

  // Once the program is ready for it.
  void send(int signal) const {
    const Stopwatch watch;
    while (!std::filesystem::exists(folder_.file("ready")) && watch.seconds() < 10) usleep(2000);
    ::kill(pid_, signal);
  }
  int code() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string said() const {
    std::ifstream file(folder_.file("said"));
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  void write(const std::string& name, const std::string& text) const {
    const std::string path = folder_.file(name);
    std::ofstream(path) << (name == "job.sh" ? "" : "#!/bin/bash\n") << text;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  TemporaryFolder folder_;
  pid_t pid_ = -1;
};

// As `isoflop sweep task` does: on TERM it takes a moment to save, then wants to be started again.
constexpr const char* kSaves = R"(
echo "$*" >> "$HERE/said"
trap '/bin/sleep 0.2; echo saved >> "$HERE/said"; exit 99' TERM
touch "$HERE/ready"
while :; do /bin/sleep 0.01; done
)";

TEST(SlurmScript, WarnedItLetsTheProgramSaveAndRequeuesItself) {
  const ScriptRun run({}, kSaves);
  run.send(SIGUSR1);
  run.code();
  EXPECT_EQ(run.said(), "sweep task /shared/demo/first --index 7\nsaved\nscontrol requeue 12_3\n");
}

// The program runs, and the script does not know yet as what.
TEST(SlurmScript, WarnedWhileItStartsTheProgramItPassesThatOn) {
  const ScriptRun run({}, kSaves,
                      "trap 'case $BASH_COMMAND in child=?\\!) "
                      "while ! [ -e \"$HERE/ready\" ]; do /bin/sleep 0.01; done; kill -USR1 $$;; "
                      "esac' DEBUG\n");
  run.code();
  EXPECT_THAT(run.said(), HasSubstr("saved\nscontrol requeue 12_3\n"));
}

TEST(SlurmScript, EndedBySlurmItSavesAndDoesNotComeBack) {
  const ScriptRun run({}, kSaves);
  run.send(SIGTERM);
  EXPECT_EQ(run.code(), 99);
  EXPECT_THAT(run.said(), Not(HasSubstr("scontrol")));
  EXPECT_THAT(run.said(), HasSubstr("saved"));
}

TEST(SlurmScript, WarnedAndThenEndedItDoesNotComeBack) {
  const ScriptRun run({}, kSaves);
  run.send(SIGUSR1);
  run.send(SIGTERM);
  EXPECT_EQ(run.code(), 99);
  EXPECT_THAT(run.said(), Not(HasSubstr("scontrol")));
}

TEST(SlurmScript, OfASiteThatRequeues99IsTheProgram) {
  const ScriptRun run({.requeues_99 = true}, kSaves);
  run.send(SIGTERM);
  EXPECT_EQ(run.code(), 99);
  EXPECT_THAT(run.said(), HasSubstr("saved"));
}

TEST(SlurmScript, EndsAsTheProgramDoes) {
  for (const bool site : {true, false}) {
    EXPECT_EQ(ScriptRun({.requeues_99 = site}, "exit 0").code(), 0);
    EXPECT_EQ(ScriptRun({.requeues_99 = site}, "exit 4").code(), 4);
    const int killed = ScriptRun({.requeues_99 = site}, "kill -9 $$").code();
    EXPECT_EQ(killed, 137) << site;
  }
}

TEST(ArrayRanges, AreNoLongerThanTheSiteAllows) {
  EXPECT_THAT(array_ranges(24, 9), ElementsAre(TaskRange{0, 9}, TaskRange{9, 9}, TaskRange{18, 6}));
  EXPECT_THAT(array_ranges(9, 9), ElementsAre(TaskRange{0, 9}));
  EXPECT_THAT(array_ranges(0, 9), ElementsAre());
}

TEST(SbatchCommand, GivesTheScriptItsFirstTask) {
  EXPECT_THAT(
      sbatch_command("job.sh", "demo.1", {.first = 9, .count = 6}, 2),
      ElementsAre("sbatch", "--parsable", "--job-name=demo.1", "--array=0-5%2", "job.sh", "9"));
}

TEST(JobId, IsTheLastNumberThatSbatchSaid) {
  EXPECT_EQ(parse_job_id("1234\n"), 1234);
  EXPECT_EQ(parse_job_id("1234;cluster\n"), 1234);
  EXPECT_EQ(parse_job_id("Welcome to 7 nodes\n\n1234\n"), 1234);
  EXPECT_FALSE(parse_job_id("Submitted"));
  EXPECT_FALSE(parse_job_id(""));
}

TEST(JobLife, OfAnArrayIsThatOfItsLastTask) {
  EXPECT_EQ(parse_job_life({.code = 0, .out = "COMPLETED\nRUNNING\n"}), JobLife::kAlive);
  EXPECT_EQ(parse_job_life({.code = 0, .out = "COMPLETED\nREQUEUED\n"}), JobLife::kAlive);
  EXPECT_EQ(parse_job_life({.code = 0, .out = "SPECIAL_EXIT\n"}), JobLife::kAlive);
  EXPECT_EQ(parse_job_life({.code = 0, .out = "COMPLETED\nTIMEOUT\nCANCELLED\n"}), JobLife::kGone);
}

TEST(JobLife, IsGoneWhereSlurmHasForgottenItAndUnknownWhereItDoesNotAnswer) {
  EXPECT_EQ(parse_job_life({.code = 1, .err = "slurm_load_jobs error: Invalid job id specified"}),
            JobLife::kGone);
  EXPECT_EQ(parse_job_life({.code = 1, .err = "Unable to contact slurm controller"}),
            JobLife::kUnknown);
  EXPECT_EQ(parse_job_life({.code = 0, .timed_out = true, .out = "COMPLETED\n"}),
            JobLife::kUnknown);
  EXPECT_EQ(parse_job_life({.code = 127}), JobLife::kUnknown);
}

TEST(SlurmTime, IsReadAsSbatchReadsIt) {
  EXPECT_EQ(parse_slurm_time("90"), 90 * 60);
  EXPECT_EQ(parse_slurm_time("1:30"), 90);
  EXPECT_EQ(parse_slurm_time("1:00:30"), 3630);
  EXPECT_EQ(parse_slurm_time("2-12"), 2.5 * 86400);
  EXPECT_EQ(parse_slurm_time("1-0:30"), 86400 + 1800);
  EXPECT_EQ(parse_slurm_time("1-00:00:01"), 86401);
  EXPECT_EQ(parse_slurm_time("UNLIMITED"), std::nullopt);
  for (const char* wrong : {"", "4h", "1:2:3:4", "-1", "1-", "x-1"}) {
    EXPECT_THROW(parse_slurm_time(wrong), Error) << wrong;
  }
}

TEST(TimedCommand, KeepsWhatWasSaidAndTheStatus) {
  const auto result = run_timed({"sh", "-c", "echo out; echo err >&2; exit 3"}, 10);
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(run_timed({"sh", "-c", "yes | head -c 1000000"}, 10).out.size(), 1000000U);
}

TEST(TimedCommand, EndsAtItsLimit) {
  const Stopwatch watch;
  EXPECT_TRUE(run_timed({"sleep", "60"}, 0.1).timed_out);
  EXPECT_LT(watch.seconds(), 10);
}

TEST(TimedCommand, SaysThatThereIsNoSuchProgram) {
  EXPECT_EQ(run_timed({"isoflop-no-such-program"}, 1).code, 127);
  EXPECT_FALSE(in_path("isoflop-no-such-program"));
  EXPECT_TRUE(in_path("sh"));
}

}  // namespace
}  // namespace isoflop
