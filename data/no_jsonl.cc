// Where nlohmann-json is left out (ISOFLOP_LEAN).
#include "core/error.h"
#include "data/jsonl.h"

namespace isoflop {

JsonlDocument read_jsonl_line(std::string_view, const std::string&) {
  throw failure(
      "JSON Lines: this build reads none: prepare the corpus with a full build of isoflop, or give "
      "plain text");
}

}  // namespace isoflop
