// What would stop a sweep hours after its start, looked for before it.
//
//   places   the store's folder, the workers' logs' and the checkpoints' can be written to
//   disk     free >= what is to be written - what lies there already + a reserve
//            (core/disk_space.h). A state takes 16 N bytes (weights, gradients, AdamW's two
//            moments; float32). Checkpoints: three states for each of the `workers` largest trials
//            (two are kept, one is being written) and one for every trunk, which stays. Store: 4 kB
//            a trial and 100 bytes for each of 32 log2(steps) + 32 points of its curve. Places on
//            one disk share it
//   memory   16 N bytes and the activations of one sequence (sweep/cost.h; a batch can be halved
//            down to that) of the largest trial are available; where the `workers` largest do not
//            fit together, a note says how many do. On the CPU only
//   corpus   can be opened, and is the one that the trials name
//
// A network file system under the store is refused when it is opened (db/file_system.h).
//
// `preflight` is a function of facts; `gather_facts` asks the machine for them.
//
// Errors: Error(kFailed) naming the place and both numbers; the code is "not_writable",
// "disk_full", "memory" or "corpus".
#ifndef ISOFLOP_SWEEP_PREFLIGHT_H_
#define ISOFLOP_SWEEP_PREFLIGHT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/disk_space.h"
#include "core/trial.h"

namespace isoflop {

// A folder that the sweep writes to.
struct PlaceFact {
  std::string path = {};
  std::string trouble = {};  // what the system said to a try at writing there; empty: it worked
  std::uint64_t disk = 0;    // the same for places of one file system
  DiskSpace space = {};      // total 0: unknown
  double bytes_there = 0;    // in files of an earlier run
};

struct CorpusFact {
  std::string path = {};
  std::string expected_identity = {};  // that the trials name
  std::string identity = {};           // that it has
  std::string trouble = {};            // why it cannot be opened; empty: it can
};

struct PreflightFacts {
  PlaceFact store = {};  // its folder
  PlaceFact logs = {};
  std::optional<PlaceFact> checkpoints = {};
  double memory_bytes = 0;  // available_memory (sweep/memory_watch.h); 0: unknown
  std::vector<CorpusFact> corpora = {};
};

struct PreflightNeeds {
  std::span<const Trial> trials = {};  // that have still to be run
  int workers = 1;
  bool on_cpu = true;
};

// Returns notes for the user.
std::vector<std::string> preflight(const PreflightFacts& facts, const PreflightNeeds& needs);

struct PreflightPlaces {
  std::string db = {};
  std::string log_dir = {};         // empty: <db>.logs
  std::string checkpoint_dir = {};  // empty: none are written
  // Corpora that the trials read: path and expected_identity.
  std::vector<CorpusFact> corpora = {};
  // Reads the manifest in a corpus' folder and opens its tokens; returns its identity, and throws
  // Error when it cannot.
  std::function<std::string(const std::string& corpus_dir)> open_corpus = {};
};

// Makes the folders for logs and checkpoints, and tries a file in each.
PreflightFacts gather_facts(const PreflightPlaces& places);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_PREFLIGHT_H_
