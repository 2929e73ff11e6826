#include "imports/table_formats.h"

namespace isoflop {

std::span<const ImportFormat> named_table_formats() { return {}; }

std::span<const ImportFormat> generic_table_formats() { return {}; }

}  // namespace isoflop
