// The formats of logs and trackers, one file each, for the registry imports/formats.cc.
//
// A log is of one run, and most do not say all that an observation needs; what is missing is given
// by ImportOptions (params, batch_tokens, context). How a run that was read becomes an observation
// is decided in one place for all of them: imports/logged_run.h.
#ifndef ISOFLOP_IMPORTS_LOG_FORMATS_H_
#define ISOFLOP_IMPORTS_LOG_FORMATS_H_

#include <span>

#include "imports/import_runs.h"

namespace isoflop {

// Before any format of tables: a log's lines are unmistakable, a table's header is not.
std::span<const ImportFormat> log_formats();

// One a file: imports/llm_c.cc and so on.
ImportFormat llm_c_format();
ImportFormat nanogpt_format();
ImportFormat megatron_format();
ImportFormat hf_trainer_format();
ImportFormat metrics_csv_format();
ImportFormat tracker_lines_format();
ImportFormat mlflow_format();
ImportFormat tensorboard_format();
ImportFormat wandb_offline_format();

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_LOG_FORMATS_H_
