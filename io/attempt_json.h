// The lines of an attempt file (io/attempt_file.h) as text, each with its newline.
#ifndef ISOFLOP_IO_ATTEMPT_JSON_H_
#define ISOFLOP_IO_ATTEMPT_JSON_H_

#include <span>
#include <string>

#include "core/foreign_attempt.h"

namespace isoflop {

std::string attempt_header_line(const ForeignAttempt& attempt);
std::string attempt_curve_line(std::span<const CurvePoint> points, double at);
std::string attempt_heartbeat_line(double tokens_done, double at);
std::string attempt_end_line(const Outcome& outcome, bool final, double at);

}  // namespace isoflop

#endif  // ISOFLOP_IO_ATTEMPT_JSON_H_
