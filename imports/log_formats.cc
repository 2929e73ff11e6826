#include "imports/log_formats.h"

namespace isoflop {

std::span<const ImportFormat> log_formats() { return {}; }

}  // namespace isoflop
