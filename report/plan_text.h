// A plan in words: the first line is the answer with its intervals in natural units, then what it
// stands on, what it assumes, warnings, and the details that were asked for.
#ifndef ISOFLOP_REPORT_PLAN_TEXT_H_
#define ISOFLOP_REPORT_PLAN_TEXT_H_

#include <string>

#include "core/plan.h"
#include "report/text_table.h"

namespace isoflop {

struct PlanTextOptions {
  bool rates = false;  // rates and batches by published laws
};

std::string plan_text(const Plan& plan, const PlanTextOptions& options = {});

// Its first line as a sentence or two for who does not know the symbols.
std::string plan_sentence(const Plan& plan);

// What each size needs for the plan's loss; "-" where it cannot reach it. At full precision for
// scripts, else rounded.
TextTable iso_loss_table(const Plan& plan, bool exact);

// N* and the sizes around it at the plan's budget.
TextTable size_price_table(const Plan& plan);

// Under which D, and from which on not, the larger of two sizes needs `ratio` times fewer tokens.
std::string size_trade_text(const SizeTrade& trade, const std::string& law);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_PLAN_TEXT_H_
