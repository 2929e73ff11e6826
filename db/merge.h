// Two stores into one: what was measured with another file is taken in, nothing is overwritten.
//
// Trials are joined by identity, studies by name, corpora by theirs; attempts by origin, or by who
// made them when (host, boot, process, start); other tools' runs by their names in a source that
// has the same path or content, fits by when they were made. A result becomes the trial's where
// it has none here; a trial that waits here, and of which the other file has news, has failed,
// run out of memory or been cancelled as it has there. Of two results of a trial
// the one that is here stays the trial's; the other is kept as an attempt (`duplicate`) and
// reported when it is not the same to the bit. So stays an imported run that is here. A fit that is
// taken in stays one of the trials that it saw.
//
// An attempt that is running there is taken in as lost: its worker writes to the other file. Its
// trial stays planned here; merge again when it has ended.
//
// Idempotent: merging the same file again changes nothing. The other file is only read (one
// consistent snapshot, ATTACHed), and may be in use. One transaction: all or nothing.
//
// Errors: Error(kStore, "incompatible") when the other file is older or newer than this program;
// Error(kUsage) when it is not there, or the same file; Error(kRefused), "mixed_units" or
// "mixed_conventions", when a study would have imports that count or measure differently.
#ifndef ISOFLOP_DB_MERGE_H_
#define ISOFLOP_DB_MERGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "db/rows.h"
#include "db/store.h"

namespace isoflop {

struct Merged {
  std::int64_t studies = 0;  // new here, as all of these
  std::int64_t trials = 0;
  std::int64_t attempts = 0;
  std::int64_t curve_points = 0;
  std::int64_t results = 0;     // trials that have a result now, and had none
  std::int64_t duplicates = 0;  // the same to the bit
  std::int64_t imports = 0;     // files of other tools' runs
  std::int64_t imported_runs = 0;
  std::int64_t fits = 0;
  std::vector<ConflictRow> conflicts = {};  // new ones
};

// `store` must be open for writing.
Merged merge_store(Store& store, const std::string& other);

}  // namespace isoflop

#endif  // ISOFLOP_DB_MERGE_H_
