// Who runs an attempt, said so that it can be found dead later without asking it.
//
// A process id alone is reused; with its start time (field 22 of /proc/PID/stat, clock ticks since
// boot) and the boot's id it names one process for ever. A process id means something only in its
// PID namespace (containers), and only on its own host: elsewhere the answer is "cannot tell".
#ifndef ISOFLOP_DB_PROCESS_H_
#define ISOFLOP_DB_PROCESS_H_

#include <cstdint>
#include <string>

namespace isoflop {

struct WorkerId {
  std::string host = {};
  std::string boot_id = {};
  std::int64_t pid_namespace = 0;  // inode of /proc/self/ns/pid
  std::int64_t pid = 0;
  std::int64_t start_ticks = 0;
  std::string device = "cpu";
};

// Seconds since the boot, suspended time included: the same for every process of the boot, in every
// container, and nobody can set it.
double uptime_seconds();

// The calling process.
WorkerId this_worker(const std::string& device = "cpu");

enum class Liveness { kAlive, kDead, kUnknown };

// Whether `worker` still runs, as seen by the process `self`. A zombie is dead. Another boot of the
// same host is dead; another host, or another PID namespace, is unknown.
Liveness liveness_of(const WorkerId& worker, const WorkerId& self);

// Provenance of what this process writes: "0.1.0", and the compiler's own name for itself.
std::string program_version();
std::string compiler_name();

}  // namespace isoflop

#endif  // ISOFLOP_DB_PROCESS_H_
