// Who runs an attempt: one process, named so that no other ever has the same name.
//
// A process id alone is reused; with its start time and the boot's id it names one process for
// ever. It means something only in its PID namespace (containers), on its own host.
#ifndef ISOFLOP_CORE_WORKER_ID_H_
#define ISOFLOP_CORE_WORKER_ID_H_

#include <cstdint>
#include <string>

namespace isoflop {

struct WorkerId {
  std::string host = {};
  std::string boot_id = {};
  std::int64_t pid_namespace = 0;  // inode of /proc/self/ns/pid
  std::int64_t pid = 0;
  std::int64_t start_ticks = 0;  // field 22 of /proc/PID/stat, clock ticks since boot
  std::string device = "cpu";

  bool operator==(const WorkerId&) const = default;
};

}  // namespace isoflop

#endif  // ISOFLOP_CORE_WORKER_ID_H_
