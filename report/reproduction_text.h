// Reproduced tables in words: the answer first, then each table with ours beside the printed
// number, what does not agree, and what was not recomputed. With `markdown` the tables are
// Markdown.
#ifndef ISOFLOP_REPORT_REPRODUCTION_TEXT_H_
#define ISOFLOP_REPORT_REPRODUCTION_TEXT_H_

#include <string>

#include "core/reproduction.h"

namespace isoflop {

std::string reproduction_text(const Reproduction& reproduction, bool markdown = false);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_REPRODUCTION_TEXT_H_
