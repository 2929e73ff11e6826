// Formats of training logs and trackers: llm.c, nanoGPT, Megatron, HF trainer_state.json, MLflow,
// TensorBoard.
#ifndef ISOFLOP_IMPORTS_LOG_FORMATS_H_
#define ISOFLOP_IMPORTS_LOG_FORMATS_H_

#include <span>

#include "imports/import_runs.h"

namespace isoflop {

std::span<const ImportFormat> log_formats();

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_LOG_FORMATS_H_
