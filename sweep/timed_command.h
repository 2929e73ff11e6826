// Another program, run to its end or to a time limit: batch systems' clients wait for ever when
// their daemon is gone.
#ifndef ISOFLOP_SWEEP_TIMED_COMMAND_H_
#define ISOFLOP_SWEEP_TIMED_COMMAND_H_

#include <functional>
#include <string>
#include <vector>

namespace isoflop {

struct CommandResult {
  int code = -1;           // exit status; 127: no such program; 128 + n: ended by signal n
  bool timed_out = false;  // and was killed; what it did by then is not known
  std::string out = {};
  std::string err = {};
};

// argv (the program is looked for in PATH) and seconds. An argument of whoever needs the outside
// world, so that a test can be it.
using CommandRunner =
    std::function<CommandResult(const std::vector<std::string>& argv, double seconds)>;

// Stdin is /dev/null. At the limit the program is killed. Throws Error(kFailed) when there is no
// process to be had.
CommandResult run_timed(const std::vector<std::string>& argv, double seconds);

// Whether PATH has an executable file of that name.
bool in_path(const std::string& program);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_TIMED_COMMAND_H_
