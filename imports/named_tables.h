// Tables that are known by their columns' names, a file each: what its columns mean, its unit and
// its convention.
#ifndef ISOFLOP_IMPORTS_NAMED_TABLES_H_
#define ISOFLOP_IMPORTS_NAMED_TABLES_H_

#include "imports/import_runs.h"

namespace isoflop {

ImportFormat epoch_format();               // epoch_points.cc
ImportFormat misfitting_format();          // misfitting.cc
ImportFormat porian_format();              // porian.cc
ImportFormat porian_optima_format();       // porian.cc
ImportFormat gemstones_format();           // gemstones.cc
ImportFormat datablations_format();        // datablations.cc
ImportFormat olmo_ladder_format();         // olmo_ladder.cc
ImportFormat routing_format();             // routing.cc
ImportFormat nanochat_format();            // nanochat.cc
ImportFormat llama_isoflop_format();       // llama_isoflop.cc
ImportFormat open_athena_format();         // open_athena.cc
ImportFormat simple_scaling_format();      // simple_scaling.cc
ImportFormat chinchilla_package_format();  // chinchilla_package.cc
ImportFormat marin_format();               // marin.cc
ImportFormat wandb_summary_format();       // wandb_summary.cc
ImportFormat wandb_history_format();       // wandb_history.cc

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_NAMED_TABLES_H_
