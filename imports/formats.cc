#include <initializer_list>
#include <vector>

#include "imports/import_runs.h"
#include "imports/log_formats.h"
#include "imports/table_formats.h"

namespace isoflop {

std::span<const ImportFormat> import_formats() {
  static const std::vector<ImportFormat> all = [] {
    std::vector<ImportFormat> out;
    for (const auto part : {log_formats(), named_table_formats(), generic_table_formats()}) {
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }();
  return all;
}

}  // namespace isoflop
