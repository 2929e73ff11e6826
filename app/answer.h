// Answers that are one JSON object, in the formats that scripts ask for.
#ifndef ISOFLOP_APP_ANSWER_H_
#define ISOFLOP_APP_ANSWER_H_

#include <string>

#include "app/output.h"
#include "io/json.h"

namespace isoflop {

// The object as a table of one row: nested keys are dotted, lists and empty values are left out;
// numbers at full precision.
TextTable one_row(const Json& object);

// Several such rows under the columns of all of them.
TextTable rows_of(const Json& objects);

// As JSON, as CSV (one row) or as Markdown (a line a key).
std::string answer_text(const Json& object, const OutputFormat& format);

// Whether a format was asked for; else the verb says it in words.
bool is_asked(const OutputFormat& format);

}  // namespace isoflop

#endif  // ISOFLOP_APP_ANSWER_H_
