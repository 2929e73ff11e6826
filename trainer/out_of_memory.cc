#include "trainer/out_of_memory.h"

#include <c10/util/Exception.h>
#include <new>
#include <string>

namespace isoflop {
namespace {

constexpr const char* kMarks[] = {"can't allocate memory", "not enough memory",
                                  "CUDA error: out of memory", "CUDA out of memory",
                                  "_STATUS_ALLOC_FAILED"};

// Without LibTorch's backtrace.
std::string first_line(const std::exception& error) {
  const auto* known = dynamic_cast<const c10::Error*>(&error);
  const std::string what = known != nullptr ? known->what_without_backtrace() : error.what();
  return what.substr(0, what.find('\n'));
}

}  // namespace

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  if (dynamic_cast<const c10::Error*>(&error) == nullptr) return false;
  const std::string what = error.what();
  for (const char* mark : kMarks) {
    if (what.find(mark) != std::string::npos) return true;
  }
  return false;
}

Outcome or_out_of_memory(const std::function<Outcome()>& train) {
  try {
    return train();
  } catch (const std::exception& error) {
    if (!is_out_of_memory(error)) throw;
    return {.status = OutcomeStatus::kOutOfMemory, .reason = "out of memory: " + first_line(error)};
  }
}

}  // namespace isoflop
