// Numbers, intervals and warnings as the answers write them.
#ifndef ISOFLOP_REPORT_NUMBERS_TEXT_H_
#define ISOFLOP_REPORT_NUMBERS_TEXT_H_

#include <string>
#include <vector>

#include "core/law_fit.h"

namespace isoflop {

// So many digits after the point, whatever the locale.
std::string with_decimals(double value, int decimals);
std::string fixed3(double value);
std::string fixed4(double value);                    // losses and exponents
std::string percent(double fraction, int decimals);  // "+1.25 %"
std::string factor_text(double value);               // "4.2x", "44x"
std::string level_text(double level);                // "90 % intervals"

// "73.2B [60.1B, 90.4B]"; without brackets where there is no interval.
std::string interval_text(const Interval& interval, std::string (*format)(double));

// "warning: message [code]", a line each.
std::string warning_lines(const std::vector<Warning>& warnings);

}  // namespace isoflop

#endif  // ISOFLOP_REPORT_NUMBERS_TEXT_H_
