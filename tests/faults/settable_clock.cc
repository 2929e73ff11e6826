// Preloaded (LD_PRELOAD): moves the wall clock of a process by as many seconds as the file
// $ISOFLOP_TEST_CLOCK says, eight bytes that a test may change at any moment. Other clocks are left
// alone, as when somebody sets the time of a machine.
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr std::int64_t kUnmoved = 0;
const volatile std::int64_t* offset = &kUnmoved;

__attribute__((constructor)) void open_clock() {
  const char* path = std::getenv("ISOFLOP_TEST_CLOCK");
  const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void* page = ::mmap(nullptr, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
  if (page != MAP_FAILED) offset = static_cast<const volatile std::int64_t*>(page);
  ::close(file);
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const auto failed = static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    now->tv_sec += *offset;
  }
  return failed;
}

__attribute__((visibility("default"))) int gettimeofday(timeval* now, void* zone) noexcept {
  const auto failed = static_cast<int>(::syscall(SYS_gettimeofday, now, zone));
  if (failed == 0 && now != nullptr) now->tv_sec += *offset;
  return failed;
}

__attribute__((visibility("default"))) time_t time(time_t* seconds) noexcept {
  timespec now{};
  ::syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  now.tv_sec += *offset;
  if (seconds != nullptr) *seconds = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
