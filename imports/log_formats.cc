#include "imports/log_formats.h"

#include <array>

namespace isoflop {

std::span<const ImportFormat> log_formats() {
  static const std::array formats = {
      llm_c_format(),         nanogpt_format(),       megatron_format(),
      hf_trainer_format(),    mlflow_format(),        tensorboard_format(),
      wandb_offline_format(), tracker_lines_format(), metrics_csv_format()};
  return formats;
}

}  // namespace isoflop
