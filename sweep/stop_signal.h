// Ctrl-C as a number that loops can look at.
//
// While an object lives, SIGINT, SIGTERM and SIGHUP (the terminal was closed, the connection lost;
// not under nohup) are counted instead of killing the process. Signals within 0.2 s are one
// request: timeout(1) and batch systems signal a process and then its whole group. One object a
// process at a time; the old handlers come back with its end. Async-signal-safe, any thread may
// read.
#ifndef ISOFLOP_SWEEP_STOP_SIGNAL_H_
#define ISOFLOP_SWEEP_STOP_SIGNAL_H_

#include <initializer_list>
#include <memory>

namespace isoflop {

class StopSignal {
 public:
  explicit StopSignal(std::initializer_list<int> more = {});
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  int count() const;  // requests so far
  bool requested() const { return count() > 0; }

 private:
  struct Saved;
  std::unique_ptr<Saved> saved_;
};

}  // namespace isoflop

#endif  // ISOFLOP_SWEEP_STOP_SIGNAL_H_
