// Diagnostics in words: first what changes the answer, then the tables.
#ifndef ISOFLOP_REPORT_DIAGNOSTICS_TEXT_H_
#define ISOFLOP_REPORT_DIAGNOSTICS_TEXT_H_

#include <string>

#include "core/diagnostics.h"

namespace isoflop {

// Everything, a paragraph a part; warnings are not repeated.
std::string diagnostics_text(const Diagnostics& diagnostics);

// The two answers side by side and N* as each row leaves; "" when no row is named.
std::string influence_text(const Influence& influence);
std::string convention_text(const ConventionTable& table);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_DIAGNOSTICS_TEXT_H_
