#include <initializer_list>
#include <vector>

#include "imports/import_runs.h"
#include "imports/log_formats.h"
#include "imports/table_formats.h"

namespace isoflop {

std::span<const ImportFormat> import_formats() {
  static const std::vector<ImportFormat> all = [] {
    std::vector<ImportFormat> out;
    // A named table has columns that nothing else has; some logs are tables with a step in each
    // row.
    for (const auto part : {named_table_formats(), log_formats(), generic_table_formats()}) {
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }();
  return all;
}

}  // namespace isoflop
