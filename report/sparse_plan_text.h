// Dense or sparse in words: which number of experts wins at equal FLOPs and at equal memory, and
// the best model of each.
#ifndef ISOFLOP_REPORT_SPARSE_PLAN_TEXT_H_
#define ISOFLOP_REPORT_SPARSE_PLAN_TEXT_H_

#include <string>

#include "core/sparse_plan.h"
#include "report/text_table.h"

namespace isoflop {

std::string sparse_plan_text(const SparsePlan& plan);

// Both tables, a row a choice, with a column that says which; at full precision.
TextTable sparse_plan_table(const SparsePlan& plan);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_SPARSE_PLAN_TEXT_H_
