// What would stop a sweep hours after its start, looked for before it.
//
//   places   the store's folder, the workers' logs' and the checkpoints' can be written to
//   disk     free >= 2 x 16 N bytes for each of the `workers` largest trials or trunks (two
//            checkpoints of each are kept: weights, gradients and AdamW's moments, float32),
//            + 20 kB a trial for the store (its row, evaluations and a curve of some 150 points),
//            + 64 MiB; places on one file system share it
//   memory   the largest trial alone fits into what is available, even one sequence at a time
//            (core/retry_policy.h); where the `workers` largest do not fit together, a note says
//            how many do
//   corpus   its manifest can be read and is the one that the trials name; its token files have the
//            sizes that it says
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

#include "core/corpus_manifest.h"
#include "db/rows.h"

namespace isoflop {

// A folder that the sweep writes to.
struct PlaceFact {
  std::string what = {};  // "store", "logs", "checkpoints"
  std::string path = {};
  std::string trouble = {};  // what the system said to a try at writing there; empty: it worked
  std::uint64_t disk = 0;    // the same for places of one file system
  double free_bytes = 0;     // that this user may use
};

// A file that a corpus' tokens lie in.
struct TokenFileFact {
  std::string path = {};
  std::int64_t expected_bytes = 0;
  std::optional<std::int64_t> bytes = {};  // empty: it cannot be found
};

struct CorpusFact {
  std::string path = {};
  std::string expected_identity = {};
  std::string identity = {};  // of the manifest that lies there
  std::string trouble = {};   // why the manifest cannot be read; empty: it can
  std::vector<TokenFileFact> files = {};
};

struct PreflightFacts {
  std::vector<PlaceFact> places = {};
  // Available to this process: the least of MemAvailable and what its cgroups leave it. 0: unknown.
  double memory_bytes = 0;
  std::vector<CorpusFact> corpora = {};
};

struct PreflightNeeds {
  std::span<const PlannedTrial> trials = {};  // that have still to be run
  int workers = 1;
  bool checkpoints = true;
  bool on_cpu = true;  // trials take this machine's memory, and not a device's
};

// Returns notes for the user.
std::vector<std::string> preflight(const PreflightFacts& facts, const PreflightNeeds& needs);

struct PreflightPlaces {
  std::string db = {};
  std::string log_dir = {};         // empty: <db>.logs
  std::string checkpoint_dir = {};  // empty: none are written
  // Prepared corpora that the trials read, with the identity that they must have.
  struct CorpusPlace {
    std::string path = {};
    std::string identity = {};
  };
  std::vector<CorpusPlace> corpora = {};
  // The manifest in a corpus' folder (io/manifest_json.h); throws Error when it cannot.
  std::function<CorpusManifest(const std::string& corpus_dir)> read_manifest = {};
};

// Makes the folders for logs and checkpoints, and tries a file in each.
PreflightFacts gather_facts(const PreflightPlaces& places);

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_PREFLIGHT_H_
