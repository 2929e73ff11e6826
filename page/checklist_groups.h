// The checklist's groups, for checklist.cc: what the runs say of themselves, and what the fit does.
#ifndef ISOFLOP_PAGE_CHECKLIST_GROUPS_H_
#define ISOFLOP_PAGE_CHECKLIST_GROUPS_H_

#include <vector>

#include "page/checklist.h"
#include "page/trials_seen.h"

namespace isoflop {

void add_run_groups(const ReportData& data, std::vector<ChecklistItem>& out);  // 1 to 4
void add_training_items(const ReportData& data, const TrialsSeen& trials,
                        std::vector<ChecklistItem>& out);  // 3, for add_run_groups
void add_fit_groups(const ReportData& data, std::vector<ChecklistItem>& out);  // 5 to 11

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_CHECKLIST_GROUPS_H_
