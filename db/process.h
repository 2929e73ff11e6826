// Who runs an attempt (core/worker_id.h), found dead later without asking it. On another host, or
// in another PID namespace, the answer is "cannot tell".
#ifndef ISOFLOP_DB_PROCESS_H_
#define ISOFLOP_DB_PROCESS_H_

#include <string>

#include "core/worker_id.h"

namespace isoflop {

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
