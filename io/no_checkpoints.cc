// Where nlohmann-json is left out (ISOFLOP_LEAN): trials run from their beginning to their end.
#include "core/error.h"
#include "io/checkpoint_file.h"

namespace isoflop {
namespace {

[[noreturn]] void refuse_checkpoint(const std::string& path) {
  throw failure("checkpoint: " + path +
                ": this build keeps none: leave the checkpoint folder out, or use a full build of "
                "isoflop");
}

}  // namespace

void write_checkpoint(const std::string& path, const Checkpoint&) { refuse_checkpoint(path); }
Checkpoint read_checkpoint(const std::string& path) { refuse_checkpoint(path); }

}  // namespace isoflop
