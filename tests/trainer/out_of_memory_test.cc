// What LibTorch throws where there is no memory is the trial's outcome.
#ifdef ISOFLOP_TEST_HAS_TORCH

#include "trainer/out_of_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <new>
#include <stdexcept>
#include <torch/torch.h>

#include "core/error.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(OutOfMemory, TheCpuAllocatorsOwnExceptionIsAnOutcome) {
  const Outcome outcome = or_out_of_memory([]() -> Outcome {
    const auto tensor = torch::empty({std::int64_t{1} << 50});  // 4 PiB
    return {.status = OutcomeStatus::kDone, .tokens = tensor.numel() * 1.0};
  });
  EXPECT_EQ(outcome.status, OutcomeStatus::kOutOfMemory);
  EXPECT_THAT(outcome.reason, HasSubstr("allocate"));
  EXPECT_THAT(outcome.reason, Not(HasSubstr("\n"))) << "without LibTorch's backtrace";
}

TEST(OutOfMemory, CudasExceptionsAreOutcomes) {
  const std::function<Outcome()> throwers[] = {
      []() -> Outcome {
        TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 2.00 GiB");
      },
      []() -> Outcome { TORCH_CHECK(false, "CUDA error: out of memory"); },
      []() -> Outcome { TORCH_CHECK(false, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED"); },
      []() -> Outcome { throw std::bad_alloc(); },
  };
  for (const auto& thrower : throwers) {
    EXPECT_EQ(or_out_of_memory(thrower).status, OutcomeStatus::kOutOfMemory);
  }
}

TEST(OutOfMemory, OtherTroublePasses) {
  EXPECT_THROW(or_out_of_memory([]() -> Outcome { TORCH_CHECK(false, "shapes differ"); }),
               c10::Error);
  EXPECT_THROW(or_out_of_memory([]() -> Outcome {
                 throw std::runtime_error("can't allocate memory, says who?");
               }),
               std::runtime_error);
  EXPECT_THROW(or_out_of_memory([]() -> Outcome { throw failure("no device"); }), Error);
  EXPECT_EQ(or_out_of_memory([] { return Outcome{.status = OutcomeStatus::kDone}; }).status,
            OutcomeStatus::kDone);
}

}  // namespace
}  // namespace isoflop

#endif  // ISOFLOP_TEST_HAS_TORCH
