// Where a process finds its place: torchrun's variables, Slurm's, half of them.
#include "trainer/rank_place.h"

#include <gmock/gmock.h>
#include <map>

#include "core/error.h"

namespace isoflop {
namespace {

using Variables = std::map<std::string, std::string>;

RankPlace place_of(const Variables& variables) {
  return rank_place([&](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? "" : found->second;
  });
}

std::string complaint_about(const Variables& variables) {
  try {
    place_of(variables);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "none";
}

const Variables kTorchrun{{"RANK", "5"},
                          {"WORLD_SIZE", "8"},
                          {"LOCAL_RANK", "1"},
                          {"MASTER_ADDR", "node7"},
                          {"MASTER_PORT", "29501"}};
const Variables kSlurm{{"SLURM_PROCID", "3"},  {"SLURM_NTASKS", "4"},
                       {"SLURM_LOCALID", "1"}, {"SLURM_JOB_NODELIST", "gpu[003-005,9],login"},
                       {"SLURM_NNODES", "2"},  {"SLURM_JOB_ID", "1234"},
                       {"SLURM_STEP_ID", "2"}};

Variables without(Variables variables, const std::string& name) {
  variables.erase(name);
  return variables;
}

Variables with(Variables variables, const std::string& name, const std::string& value) {
  variables[name] = value;
  return variables;
}

TEST(RankPlace, IsAWorldOfOneWithoutVariables) {
  EXPECT_EQ(place_of({}).world, 1);
  EXPECT_EQ(place_of({{"MASTER_ADDR", "left over"}}).world, 1);
  EXPECT_EQ(place_of({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).world, 1);
}

TEST(RankPlace, ReadsTorchrunsVariables) {
  const RankPlace place = place_of(kTorchrun);
  EXPECT_EQ(place.rank, 5);
  EXPECT_EQ(place.world, 8);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.address, "node7");
  EXPECT_EQ(place.port, 29501);
  EXPECT_FALSE(place.has_store);
  EXPECT_TRUE(place_of(with(kTorchrun, "TORCHELASTIC_USE_AGENT_STORE", "True")).has_store);
}

TEST(RankPlace, ReadsSlurmsVariables) {
  const RankPlace place = place_of(kSlurm);
  EXPECT_EQ(place.rank, 3);
  EXPECT_EQ(place.world, 4);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.address, "gpu003");
  EXPECT_GE(place.port, 15000);
  EXPECT_LT(place.port, 32768);
  EXPECT_NE(place_of(with(kSlurm, "SLURM_STEP_ID", "3")).port, place.port) << "steps side by side";
  EXPECT_EQ(place_of(with(kSlurm, "SLURM_NNODES", "1")).address, "127.0.0.1");
  EXPECT_EQ(place_of(with(kSlurm, "MASTER_ADDR", "10.0.0.1")).address, "10.0.0.1");
  EXPECT_EQ(place_of(with(kSlurm, "MASTER_PORT", "4000")).port, 4000);
}

// It has SLURM_PROCID=0 and the job's SLURM_NTASKS, and nobody else would come.
TEST(RankPlace, IsAWorldOfOneInABatchScriptsOwnShell) {
  const Variables batch = with(without(kSlurm, "SLURM_STEP_ID"), "ENVIRONMENT", "BATCH");
  EXPECT_EQ(place_of(batch).world, 1);
  EXPECT_EQ(place_of(with(batch, "SLURM_STEP_ID", "0")).world, 4) << "srun within it";
}

TEST(RankPlace, NamesWhatIsMissingOfAHalfSetEnvironment) {
  for (const auto& [name, value] : kTorchrun) {
    EXPECT_THAT(complaint_about(without(kTorchrun, name)), testing::HasSubstr(name + " missing"));
  }
  for (const char* name : {"SLURM_NTASKS", "SLURM_LOCALID", "SLURM_JOB_NODELIST", "SLURM_JOB_ID"}) {
    EXPECT_THAT(complaint_about(without(kSlurm, name)),
                testing::HasSubstr(std::string(name) + " missing"));
  }
  EXPECT_THAT(complaint_about({{"LOCAL_RANK", "0"}}),
              testing::HasSubstr("LOCAL_RANK set, but RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT"));
}

TEST(RankPlace, RefusesWhatIsNoPlace) {
  EXPECT_THAT(complaint_about(with(kTorchrun, "RANK", "8")),
              testing::HasSubstr("RANK=\"8\" is not a number from 0 to 7"));
  EXPECT_THAT(complaint_about(with(kTorchrun, "MASTER_PORT", "http")),
              testing::HasSubstr("MASTER_PORT=\"http\""));
  EXPECT_THAT(complaint_about(with(kSlurm, "SLURM_NTASKS", "0")),
              testing::HasSubstr("SLURM_NTASKS"));
}

TEST(RankPlace, FindsTheFirstHostOfSlurmsLists) {
  EXPECT_EQ(first_host("login"), "login");
  EXPECT_EQ(first_host("a,b"), "a");
  EXPECT_EQ(first_host("gpu[003-005,9],login"), "gpu003");
  EXPECT_EQ(first_host("gpu[7]"), "gpu7");
  EXPECT_EQ(first_host("rack[2-3]n[10,12]-ib"), "rack2n10-ib");
}

}  // namespace
}  // namespace isoflop
