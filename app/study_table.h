// All runs of a study as the one table that `fit --where` asks: trials and imported runs alike.
#ifndef ISOFLOP_APP_STUDY_TABLE_H_
#define ISOFLOP_APP_STUDY_TABLE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "core/flops.h"
#include "core/imported_run.h"
#include "core/observation.h"
#include "db/row_filter.h"
#include "db/rows.h"
#include "report/text_table.h"

namespace isoflop {

struct StudyTable {
  TextTable table;
  std::vector<FilterAlias> aliases;   // N, D, C, L and flops
  std::vector<std::int64_t> numbers;  // a row's Observation::row
  bool imported = false;              // has imported runs
};

// A column has one meaning in all rows: of a name that trials or our own columns have the source's
// own column gives way. Cells that a row has not are empty. `results` are those of the imports, in
// their order.
StudyTable study_table(const std::vector<TrialRow>& trials, std::span<const RunImport> imports,
                       std::span<const Observation> results, FlopConvention convention);

}  // namespace isoflop

#endif  // ISOFLOP_APP_STUDY_TABLE_H_
