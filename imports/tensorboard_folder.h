// Several event files at once, for import_path (imports/import_runs.h).
#ifndef ISOFLOP_IMPORTS_TENSORBOARD_FOLDER_H_
#define ISOFLOP_IMPORTS_TENSORBOARD_FOLDER_H_

#include <string>
#include <vector>

#include "imports/import_runs.h"

namespace isoflop {

struct TensorBoardPart {
  std::string run;  // parts of one run stand together, in the order in which they were written
  ImportSource source;
};

// Throws Error(kUsage) for a damaged file, naming it, and where there are no scalars in any.
// `path`: what the user named.
RunImport read_tensorboard_files(const std::vector<TensorBoardPart>& parts, const std::string& path,
                                 const ImportOptions& options);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_TENSORBOARD_FOLDER_H_
