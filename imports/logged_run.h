// What a log or a tracker says of one run, and how that becomes an observation: decided here, once
// for all formats.
//
//   loss      the last held-out loss; the last training loss only where there is none, and that is
//             said. A run whose last loss is NaN or infinite has diverged: it is left out.
//   D         tokens at the point of that loss: as the log says them, else step x batch tokens;
//             between two points that say them, in proportion to the steps
//   N         as the log says it, unless ImportOptions::params does
//   C         6 N D [6nd] unless the log's own C is wanted: the convention that the options name.
//
// What a log does not say must be given by a flag, and the error says by which. Of several runs in
// one source, those that lack something are left out with that reason; when nothing is left it is
// an error.
#ifndef ISOFLOP_IMPORTS_LOGGED_RUN_H_
#define ISOFLOP_IMPORTS_LOGGED_RUN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "imports/import_runs.h"
#include "imports/run_curve.h"
#include "io/json.h"

namespace isoflop {

struct LoggedRun {
  std::string source_id = {};  // empty: from the file's name
  std::string label = {};      // empty: source_id
  std::int64_t line = 0;
  RunCurve curve = {};
  std::optional<double> params = {};
  std::string params_from = {};  // the log's own words: "number of parameters"
  std::optional<double> batch_tokens = {};
  std::optional<double> total_tokens = {};  // at the last step, where no step says them
  std::string tokens_from = {};
  std::string tokens_hint = {};      // what else would do where tokens are missing
  std::optional<double> flops = {};  // the log's own C at its end
  FlopConvention flops_convention = FlopConvention::k6nd;
  std::string loss_from = {};
  std::int64_t seed = 0;
  std::map<std::string, double> extra = {};
  bool is_per_step_seconds = false;  // ImportedPoint::seconds are of one step, not yet summed
  std::string why_not = {};          // why it cannot be used, if the format knows already
  bool why_not_is_lack = false;      // a flag would help
  Json said = Json::object();        // arguments, totals: the provenance
};

// Adds the runs to `read`, with fields and notes. Throws Error(kUsage) when none of them can be
// used and a flag would help.
void add_logged_runs(RunImport& read, std::vector<LoggedRun> runs, const ImportSource& source,
                     const ImportOptions& options);

// What names the run of this file: its name without the ending, or its folder's where the name is
// the same for every run ("main.log", "trainer_state.json").
std::string run_name_of(const std::string& path);
bool is_same_for_all_runs(const std::string& path);

// Error(kUsage) "path: no line of a X log: expected ...".
Error no_usable_line(const ImportSource& source, const std::string& what,
                     const std::string& expected);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_LOGGED_RUN_H_
