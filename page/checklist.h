// The reporting checklist of Li, Kudugunta and Zettlemoyer 2025 ("(Mis)Fitting: A Survey of Scaling
// Laws", arXiv:2502.18969), filled in from what the store and the fit know. What nobody recorded is
// "not reported", never guessed.
#ifndef ISOFLOP_PAGE_CHECKLIST_H_
#define ISOFLOP_PAGE_CHECKLIST_H_

#include <string>
#include <vector>

#include "page/report_data.h"

namespace isoflop {

struct ChecklistItem {
  std::string group;     // "Form of the law"
  std::string question;  // "Which variables enter?"
  std::string answer;    // empty: not reported
};

std::vector<ChecklistItem> reporting_checklist(const ReportData& data);

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_CHECKLIST_H_
