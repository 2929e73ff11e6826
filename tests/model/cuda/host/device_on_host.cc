#include "tests/model/cuda/host/device_on_host.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <ucontext.h>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

// The section of shared memory (cuda_runtime.h); not there in a program without any.
extern char shared_begin[] asm("__start_isoflop_shared") __attribute__((weak));
extern char shared_end[] asm("__stop_isoflop_shared") __attribute__((weak));

namespace isoflop::on_host {

Size threadIdx, blockIdx, blockDim, gridDim;

namespace {

constexpr std::size_t kStackBytes = 128 << 10;

enum class State { kReady, kAtBarrier, kInExchange, kDone };

const char* word_of(State state) {
  switch (state) {
    case State::kReady:
      return "runs";
    case State::kAtBarrier:
      return "waits at a barrier";
    case State::kInExchange:
      return "waits in an exchange of its warp";
    case State::kDone:
      return "has ended";
  }
  return "";
}

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
  State state = State::kReady;
  Size index;
  int line = 0;       // where it waits
  unsigned mask = 0;  // of the exchange
  float given = 0;
  float taken[kLanes] = {};  // the warp's values, once all have given theirs
};

// The block that runs.
struct Block {
  const std::function<void()>* kernel = nullptr;
  std::vector<Fiber> fibers;
  Fiber* running = nullptr;
  ucontext_t scheduler;
  std::exception_ptr error;
  const void* scheduler_stack = nullptr;  // for AddressSanitizer
  std::size_t scheduler_stack_size = 0;
};

Block* block = nullptr;
unsigned the_order = 0;

// AddressSanitizer must know which stack it is on.
void leaves_for([[maybe_unused]] void** saved, [[maybe_unused]] const void* stack,
                [[maybe_unused]] std::size_t size) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(saved, stack, size);
#endif
}

void is_back([[maybe_unused]] void* saved, [[maybe_unused]] const void** old_stack,
             [[maybe_unused]] std::size_t* old_size) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(saved, old_stack, old_size);
#endif
}

void to_scheduler(State state) {
  Fiber& me = *block->running;
  me.state = state;
  void* saved = nullptr;
  leaves_for(state == State::kDone ? nullptr : &saved, block->scheduler_stack,
             block->scheduler_stack_size);
  swapcontext(&me.context, &block->scheduler);
  is_back(saved, nullptr, nullptr);
}

void run_fiber() {
  is_back(nullptr, &block->scheduler_stack, &block->scheduler_stack_size);
  try {
    (*block->kernel)();
  } catch (...) {
    block->error = std::current_exception();
  }
  to_scheduler(State::kDone);
}

void resume(Fiber& fiber) {
  block->running = &fiber;
  threadIdx = fiber.index;
  void* saved = nullptr;
  leaves_for(&saved, fiber.stack.get(), kStackBytes);
  swapcontext(&block->scheduler, &fiber.context);
  is_back(saved, nullptr, nullptr);
}

void start(Fiber& fiber, unsigned number) {
  fiber.state = State::kReady;
  fiber.index =
      Size(number % blockDim.x, number / blockDim.x % blockDim.y, number / blockDim.x / blockDim.y);
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStackBytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, run_fiber, 0);
}

[[noreturn]] void complain(const std::string& what) {
  throw std::logic_error("CUDA on the host: " + what);
}

std::string name_of(const Fiber& fiber) {
  return "thread (" + std::to_string(fiber.index.x) + ", " + std::to_string(fiber.index.y) + ", " +
         std::to_string(fiber.index.z) + "), which " + word_of(fiber.state) + " at line " +
         std::to_string(fiber.line);
}

bool release_barrier() {
  auto& fibers = block->fibers;
  for (const Fiber& fiber : fibers) {
    if (fiber.state != State::kAtBarrier || fiber.line != fibers[0].line) return false;
  }
  for (Fiber& fiber : fibers) fiber.state = State::kReady;
  return true;
}

// The lanes of `mask` in the warp that begins at `first`, where all of them wait for each other.
std::vector<Fiber*> exchanging(std::size_t first, unsigned mask, int line) {
  std::vector<Fiber*> lanes;
  for (std::size_t i = 0; i < kLanes; ++i) {
    if ((mask >> i & 1) == 0) continue;
    if (first + i >= block->fibers.size()) return {};
    Fiber& fiber = block->fibers[first + i];
    const bool waits = fiber.state == State::kInExchange && fiber.mask == mask;
    if (!waits || fiber.line != line) return {};
    lanes.push_back(&fiber);
  }
  return lanes;
}

bool release_exchanges() {
  bool any = false;
  float values[kLanes];
  for (std::size_t number = 0; number < block->fibers.size(); ++number) {
    const Fiber& fiber = block->fibers[number];
    if (fiber.state != State::kInExchange) continue;
    const std::size_t first = number / kLanes * kLanes;
    const std::vector<Fiber*> lanes = exchanging(first, fiber.mask, fiber.line);
    std::fill_n(values, kLanes, std::numeric_limits<float>::quiet_NaN());
    for (const Fiber* lane : lanes) values[(lane - block->fibers.data()) % kLanes] = lane->given;
    for (Fiber* lane : lanes) {
      std::copy_n(values, kLanes, lane->taken);
      lane->state = State::kReady;
      any = true;
    }
  }
  return any;
}

std::vector<std::size_t> in_order(std::size_t count, unsigned salt) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  if (the_order == 1) std::reverse(order.begin(), order.end());
  if (the_order > 1) std::shuffle(order.begin(), order.end(), std::mt19937(the_order + salt));
  return order;
}

bool all_done() {
  return std::all_of(block->fibers.begin(), block->fibers.end(),
                     [](const Fiber& fiber) { return fiber.state == State::kDone; });
}

__attribute__((no_sanitize("address"))) void spoil_shared_memory() {
  for (volatile char* byte = shared_begin; byte != shared_end; ++byte) {
    *byte = static_cast<char>(0xff);  // floats of all ones are NaN
  }
}

void run_block() {
  spoil_shared_memory();
  for (unsigned i = 0; i < block->fibers.size(); ++i) start(block->fibers[i], i);
  for (unsigned round = 0; !all_done(); ++round) {
    for (const std::size_t i : in_order(block->fibers.size(), round)) {
      if (block->fibers[i].state == State::kReady) resume(block->fibers[i]);
      if (block->error) std::rethrow_exception(block->error);
    }
    const bool exchanged = release_exchanges(), passed = release_barrier();
    if (exchanged || passed || all_done()) continue;
    const auto& fibers = block->fibers;
    const auto waits = std::find_if(fibers.begin(), fibers.end(),
                                    [](const Fiber& fiber) { return fiber.state != State::kDone; });
    complain(name_of(*waits) + ", waits for threads that do not come");
  }
}

std::size_t volume(Size size) { return std::size_t{size.x} * size.y * size.z; }

bool a_device_takes(Size blocks, Size threads) {
  constexpr unsigned kMostBlocks = 65535, kMostThreads = 1024, kMostDeep = 64;
  return volume(blocks) > 0 && volume(threads) > 0 && blocks.x <= 0x7fffffffu &&
         blocks.y <= kMostBlocks && blocks.z <= kMostBlocks && volume(threads) <= kMostThreads &&
         threads.z <= kMostDeep;
}

}  // namespace

int lane() {
  const unsigned number = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  return static_cast<int>(number % kLanes);
}

void set_order(unsigned order) { the_order = order; }

bool run_grid(Size blocks, Size threads, const std::function<void()>& kernel) {
  if (!a_device_takes(blocks, threads)) return false;
  Block one;
  one.kernel = &kernel;
  one.fibers.resize(volume(threads));
  block = &one;
  gridDim = blocks;
  blockDim = threads;
  for (const std::size_t i : in_order(volume(blocks), 0)) {
    const auto number = static_cast<unsigned>(i);
    blockIdx = Size(number % blocks.x, number / blocks.x % blocks.y, number / blocks.x / blocks.y);
    run_block();
  }
  block = nullptr;
  return true;
}

void wait_for_block(int line) {
  block->running->line = line;
  to_scheduler(State::kAtBarrier);
}

float exchange(unsigned mask, float value, int from_lane, int line) {
  Fiber& me = *block->running;
  const int number = lane();
  if ((mask >> number & 1) == 0) complain("lane " + std::to_string(number) + " is not in its mask");
  if (from_lane < 0 || from_lane >= kLanes || (mask >> from_lane & 1) == 0) {
    complain("lane " + std::to_string(number) + " reads from lane " + std::to_string(from_lane) +
             ", which takes no part");
  }
  me.line = line;
  me.mask = mask;
  me.given = value;
  to_scheduler(State::kInExchange);
  return me.taken[from_lane];
}

float fast_exp(float value) { return std::exp(value); }

}  // namespace isoflop::on_host
