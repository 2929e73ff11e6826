#include "app/trainer_program.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <unistd.h>

#include "app/study.h"
#include "core/error.h"
#include "trainer/transformer_runner.h"

namespace isoflop {
namespace {

bool trains_itself(int argc, char** argv) {
  const auto word = [&](int i) { return i < argc ? std::string_view(argv[i]) : ""; };
  if (word(1) == "train") return true;
  return word(1) == "sweep" && (word(2) == "worker" || word(2) == "task");
}

}  // namespace

void become_trainer_program(int argc, char** argv) {
  if (has_torch() || !trains_itself(argc, argv)) return;
  const std::string path = own_path() + "-trainer";
  if (::access(path.c_str(), X_OK) != 0) return;
  ::execv(path.c_str(), argv);
  throw failure("isoflop: " + path + ": cannot be started: " + std::strerror(errno) +
                "; build it again with cmake --build --preset release");
}

}  // namespace isoflop
