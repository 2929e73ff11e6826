#include "page/checklist.h"

#include "page/checklist_groups.h"

namespace isoflop {

std::vector<ChecklistItem> reporting_checklist(const ReportData& data) {
  std::vector<ChecklistItem> items;
  add_run_groups(data, items);
  add_fit_groups(data, items);
  return items;
}

}  // namespace isoflop
