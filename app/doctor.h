// What `isoflop doctor` looks at: the machine, the places that a sweep writes to, and what a report
// needs. Each check is one line, and whatever would stop a sweep comes with what to do about it.
//
// The judgements are functions of facts, so that tests can be other machines.
#ifndef ISOFLOP_APP_DOCTOR_H_
#define ISOFLOP_APP_DOCTOR_H_

#include <string>
#include <vector>

#include "core/disk_space.h"
#include "io/json.h"

namespace isoflop {

enum class CheckState {
  kOk,
  kNote,     // something will not work, but sweeps do
  kProblem,  // would stop a sweep
};

struct Check {
  std::string name;  // a short stable word for scripts
  CheckState state = CheckState::kOk;
  std::string text;
  std::string next;              // what to do; empty where nothing is to be done
  Json values = Json::object();  // numbers at full precision
};

std::string state_word(CheckState state);  // "ok", "note", "problem"

// Bytes; a total or limit of 0 is unknown.
struct MemoryFacts {
  double total = 0;
  double available = 0;  // also by the limits of control groups
  double limit = 0;      // of the control group
};
Check judge_memory(const MemoryFacts& facts);

struct DiskFacts {
  std::string folder;
  std::string file_system;  // "ext4", "NFS", or its number
  bool network = false;
  std::string trouble;  // what the system said to a try at writing there
  DiskSpace space;      // total 0: unknown
};
Check judge_disk(const DiskFacts& facts);

// doctor_machine.cc
Check check_program();
Check check_processor();
Check check_memory();
Check check_gpu();
Check check_limits();
Check check_locale();

// doctor_places.cc
Check check_disk(const std::string& db);
Check check_store(const std::string& db);
Check check_temporary_folder();
Check check_corpora();
Check check_figures();

}  // namespace isoflop

#endif  // ISOFLOP_APP_DOCTOR_H_
