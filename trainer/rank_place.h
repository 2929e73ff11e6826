// Which of several processes of one trial this one is, as torchrun, Slurm or `isoflop train
// --processes` say it in the environment.
//
//   torchrun          RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT
//   srun              SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID; the address is the first host of
//                     SLURM_STEP_NODELIST or SLURM_JOB_NODELIST (127.0.0.1 where there is only
//                     one), the port is made of SLURM_JOB_ID and SLURM_STEP_ID. MASTER_ADDR and
//                     MASTER_PORT, where set, go before that
//   neither           a world of one
//
// A batch script's own shell has SLURM_PROCID and SLURM_NTASKS too, but no other process beside it:
// without SLURM_STEP_ID, under ENVIRONMENT=BATCH, it is a world of one.
//
// Errors: Error(kUsage) where some of a set are missing, naming them, and where a value is no
// number or out of its range.
#ifndef ISOFLOP_TRAINER_RANK_PLACE_H_
#define ISOFLOP_TRAINER_RANK_PLACE_H_

#include <functional>
#include <string>

namespace isoflop {

struct RankPlace {
  int rank = 0;                       // of all processes, from 0
  int world = 1;                      // how many there are
  int local_rank = 0;                 // of those of this host, from 0
  std::string address = "127.0.0.1";  // of rank 0, where all meet
  int port = 0;
  // torchrun's agent has a store there already (TORCHELASTIC_USE_AGENT_STORE), and tells its
  // attempts apart by this.
  bool has_store = false;
  std::string attempt = "0";
  // A socket that listens there already, handed on by `isoflop train --processes`; -1: none.
  int listening_socket = -1;
};

// Seconds that processes may wait for each other.
inline constexpr double kLeastPeerTimeout = 0.1, kMostPeerTimeout = 86400;
// Throws Error(kUsage), naming --peer-timeout.
void require_peer_timeout(double seconds);

// The environment variable of listening_socket.
inline constexpr const char* kListeningSocket = "ISOFLOP_LISTENING_SOCKET";

// `variable` gives an environment variable's value, empty where it is not set.
RankPlace rank_place(const std::function<std::string(const std::string& name)>& variable);
RankPlace own_rank_place();

// The first host of Slurm's list: "gpu[003-005,9],login" -> "gpu003".
std::string first_host(const std::string& nodelist);

// "rank 2 of 4 on HOST"
std::string rank_name(int rank, int world, const std::string& host);
std::string own_host();

}  // namespace isoflop

#endif  // ISOFLOP_TRAINER_RANK_PLACE_H_
