// What `isoflop import` reads: files and folders of other tools' runs, filtered by --where.
#ifndef ISOFLOP_APP_IMPORT_INPUT_H_
#define ISOFLOP_APP_IMPORT_INPUT_H_

#include <string>
#include <vector>

#include "core/imported_run.h"
#include "imports/import_runs.h"
#include "report/text_table.h"

namespace isoflop {

struct ImportInputFlags {
  std::vector<std::string> files;
  std::string format;
  std::string map;
  std::string convention;
  std::string params;
  std::string batch_tokens;
  std::string context;
  std::string label;
  std::string where;
};

// One for each file or folder, with its absolute path, so that it is known again from anywhere.
// Throws Error(kUsage) for what cannot be read as runs, or of which no run is left.
std::vector<RunImport> read_imports(const ImportInputFlags& flags);

// The study that files without --study go to: the first one's name without its ending, or its
// folder's where the name is the same for every run (main.log, trainer_state.json).
std::string default_study(const std::string& file);

// The runs that the condition keeps. Its columns are the source's own (the provenance), and our
// names for them where the source has none of that name: N, D, C, L, params, tokens, flops, loss,
// trial, run.
std::vector<ImportedRun> runs_where(std::vector<ImportedRun> runs, const std::string& condition);

// The source's own columns of the runs, a row a run; empty where a run has none of that name.
TextTable provenance_table(const std::vector<const ImportedRun*>& runs);

}  // namespace isoflop

#endif  // ISOFLOP_APP_IMPORT_INPUT_H_
