// Other tools' runs: reads a file whose format is named or recognised.
//
// Every format is one file of this folder and one entry of import_formats(): how it is recognised
// and how it is read. Reading works on bytes in memory, so that tests and fuzzers need no files.
//
// Rules that all formats keep:
//   numbers    as in core/units.h ("2.8B"), independent of the locale; NaN and infinite are no loss
//   N, D, C    one that is missing is derived from the others only under the convention that the
//              options name or that is the format's own, and the run says so (ImportedRun::derived)
//   steps      a later line for the same step counts
//   rows       a row that a format's rule leaves out (no loss yet, a failed run) is in
//              RunImport::dropped with its reason; a malformed one is an error: all or nothing
//
// Errors: Error(kUsage) "file:line: column: what; what to do next" for malformed input, a format
// that does not exist (with a suggestion) or is not recognised, and what must be given by a flag;
// Error(kFailed) for a file that cannot be read. Threads: safe.
#ifndef ISOFLOP_IMPORTS_IMPORT_RUNS_H_
#define ISOFLOP_IMPORTS_IMPORT_RUNS_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/flops.h"
#include "core/imported_run.h"
#include "io/observations_csv.h"

namespace isoflop {

struct ImportOptions {
  std::string format;  // empty: recognised
  ColumnMap map;       // our field = their column; for tables, and metric names of trackers
  FlopConvention convention = FlopConvention::k6nd;
  // Whether the user named the convention; derivations need that or a format with its own.
  bool convention_named = false;

  // What a log does not say of its one run.
  std::optional<double> params;        // N
  std::optional<double> batch_tokens;  // tokens a step
  std::optional<double> context;       // tokens a sample
  std::string label;                   // the run's name; empty: from the file's name
};

// A file's name and bytes; a folder's are read file by file.
struct ImportSource {
  std::string path;
  std::string_view bytes;
};

struct ImportFormat {
  std::string_view name;
  std::string_view about;  // a line for --help and the docs
  // Sees the whole file, must be quick, must not throw.
  bool (*recognises)(const ImportSource& source) = nullptr;
  RunImport (*read)(const ImportSource& source, const ImportOptions& options) = nullptr;
};

// Those with a narrower idea of a file first; generic tables last.
std::span<const ImportFormat> import_formats();

// The format that options name or the first that recognises the file.
const ImportFormat& format_of(const ImportSource& source, const ImportOptions& options);

RunImport import_bytes(const ImportSource& source, const ImportOptions& options = {});
// The file's, with its SHA-256 and path.
RunImport import_file(const std::string& path, const ImportOptions& options = {});

// A file, or a folder: TensorBoard's event files below it, a run a folder, or else every log below
// it that is recognised (or is of the named format), all of one format. Runs are named by their
// path in the folder; of several states of one run (checkpoint-500, checkpoint-1000) the one with
// the most tokens counts. The SHA-256 is of the files in the order of their paths.
RunImport import_path(const std::string& path, const ImportOptions& options = {});

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_IMPORT_RUNS_H_
