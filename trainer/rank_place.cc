#include "trainer/rank_place.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <unistd.h>
#include <vector>

#include "core/error.h"

namespace isoflop {
namespace {

using Variable = std::function<std::string(const std::string&)>;

constexpr int kMostRanks = 1 << 20;
// Below the ports that the kernel gives out by itself (32768 and above).
constexpr std::int64_t kFirstPort = 15000;
constexpr std::int64_t kPorts = 16384;

std::int64_t number_of(const Variable& variable, const std::string& name, std::int64_t low,
                       std::int64_t high) {
  const std::string text = variable(name);
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && value >= low && value <= high) return value;
  throw usage_error("several processes: " + name + "=\"" + text + "\" is not a number from " +
                    std::to_string(low) + " to " + std::to_string(high) +
                    ": start them with torchrun, srun or `isoflop train --processes N`, which set "
                    "it, or unset it");
}

void require_all(const Variable& variable, const std::string& starter,
                 const std::vector<std::string>& names) {
  std::string missing, present;
  for (const std::string& name : names) {
    std::string& list = variable(name).empty() ? missing : present;
    list += (list.empty() ? "" : ", ") + name;
  }
  if (missing.empty()) return;
  throw usage_error("several processes: " + present + (present.empty() ? "" : " set, but ") +
                    missing + " missing: " + starter +
                    " sets all of them; set what is missing, or unset the rest to train in one "
                    "process");
}

int port_of_job(const Variable& variable) {
  const std::int64_t job = number_of(variable, "SLURM_JOB_ID", 0, INT64_C(1) << 40);
  const bool has_step = !variable("SLURM_STEP_ID").empty();
  const std::int64_t step =
      has_step ? number_of(variable, "SLURM_STEP_ID", 0, INT64_C(1) << 40) : 0;
  return static_cast<int>(kFirstPort + (job * 16 + step) % kPorts);
}

void meet_at_master(const Variable& variable, RankPlace& place) {
  place.address = variable("MASTER_ADDR");
  place.port = static_cast<int>(number_of(variable, "MASTER_PORT", 1, 65535));
}

RankPlace torchrun_place(const Variable& variable) {
  const std::vector<std::string> all{"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR",
                                     "MASTER_PORT"};
  if (variable("RANK").empty() || variable("WORLD_SIZE") != "1") {
    require_all(variable, "torchrun", all);
  }
  RankPlace place;
  place.world = static_cast<int>(number_of(variable, "WORLD_SIZE", 1, kMostRanks));
  place.rank = static_cast<int>(number_of(variable, "RANK", 0, place.world - 1));
  if (place.world == 1) return place;
  place.local_rank = static_cast<int>(number_of(variable, "LOCAL_RANK", 0, place.world - 1));
  meet_at_master(variable, place);
  place.has_store = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  const std::string restarts = variable("TORCHELASTIC_RESTART_COUNT");
  if (!restarts.empty()) place.attempt = restarts;
  if (place.rank == 0 && !variable(kListeningSocket).empty()) {
    place.listening_socket = static_cast<int>(number_of(variable, kListeningSocket, 0, 1 << 20));
  }
  return place;
}

std::string slurm_address(const Variable& variable) {
  const std::string nodes = variable("SLURM_STEP_NUM_NODES").empty()
                                ? variable("SLURM_NNODES")
                                : variable("SLURM_STEP_NUM_NODES");
  if (nodes == "1") return "127.0.0.1";
  const std::string step = variable("SLURM_STEP_NODELIST");
  return first_host(step.empty() ? variable("SLURM_JOB_NODELIST") : step);
}

RankPlace slurm_place(const Variable& variable) {
  if (variable("SLURM_NTASKS") != "1") {
    require_all(
        variable, "srun",
        {"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_JOB_NODELIST", "SLURM_JOB_ID"});
  }
  const char* tasks = variable("SLURM_STEP_NUM_TASKS").empty() ? "SLURM_NTASKS"  //
                                                               : "SLURM_STEP_NUM_TASKS";
  RankPlace place;
  place.world = static_cast<int>(number_of(variable, tasks, 1, kMostRanks));
  place.rank = static_cast<int>(number_of(variable, "SLURM_PROCID", 0, place.world - 1));
  if (place.world == 1) return place;
  place.local_rank = static_cast<int>(number_of(variable, "SLURM_LOCALID", 0, place.world - 1));
  place.address = slurm_address(variable);
  place.port = port_of_job(variable);
  if (!variable("MASTER_ADDR").empty()) place.address = variable("MASTER_ADDR");
  if (!variable("MASTER_PORT").empty()) {
    place.port = static_cast<int>(number_of(variable, "MASTER_PORT", 1, 65535));
  }
  return place;
}

bool is_batch_shell(const Variable& variable) {
  return variable("ENVIRONMENT") == "BATCH" && variable("SLURM_STEP_ID").empty();
}

}  // namespace

RankPlace rank_place(const Variable& variable) {
  for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK"}) {
    if (!variable(name).empty()) return torchrun_place(variable);
  }
  if (!variable("SLURM_PROCID").empty() && !is_batch_shell(variable)) {
    return slurm_place(variable);
  }
  return {};
}

RankPlace own_rank_place() {
  return rank_place([](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  });
}

std::string first_host(const std::string& nodelist) {
  std::string host;
  for (std::size_t i = 0; i < nodelist.size() && nodelist[i] != ','; ++i) {
    if (nodelist[i] != '[') {
      host += nodelist[i];
      continue;
    }
    const std::size_t number_end = nodelist.find_first_of("-,]", i + 1);
    const std::size_t close = nodelist.find(']', i);
    if (close == std::string::npos) break;
    host += nodelist.substr(i + 1, number_end - i - 1);
    i = close;
  }
  return host;
}

std::string rank_name(int rank, int world, const std::string& host) {
  return "rank " + std::to_string(rank) + " of " + std::to_string(world) + " on " + host;
}

std::string own_host() {
  char name[256] = "";
  if (::gethostname(name, sizeof(name) - 1) != 0) return "localhost";
  return name;
}

void require_peer_timeout(double seconds) {
  if (kLeastPeerTimeout <= seconds && seconds <= kMostPeerTimeout) return;
  throw usage_error("--peer-timeout: has to be from 0.1 to 86400 seconds: 30 is the default");
}

}  // namespace isoflop
