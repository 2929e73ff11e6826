#include "imports/table_formats.h"

#include <vector>

#include "imports/named_tables.h"

namespace isoflop {

std::span<const ImportFormat> named_table_formats() {
  static const std::vector<ImportFormat> all = {
      epoch_format(),          misfitting_format(),
      porian_format(),         porian_optima_format(),
      gemstones_format(),      datablations_format(),
      olmo_ladder_format(),    routing_format(),
      nanochat_format(),       marin_format(),
      simple_scaling_format(), llama_isoflop_format(),
      open_athena_format(),    chinchilla_package_format(),
      wandb_summary_format(),  wandb_history_format()};
  return all;
}

}  // namespace isoflop
