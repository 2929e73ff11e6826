// faulty_sweep driver DB ACKS WORKERS STEP_US     runs the study "fake" with workers of itself
// faulty_sweep worker DB ACKS STEP_US
// faulty_sweep lock DB SECONDS                    keeps the store from every writer
//
// A worker appends "attempt step" to ACKS when a point of a curve is in the store for good.
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sqlite3.h>
#include <string>
#include <unistd.h>

#include "core/error.h"
#include "sweep/driver.h"
#include "sweep/stop_signal.h"
#include "sweep/worker.h"
#include "tests/faults/faulty_runner.h"

namespace isoflop {
namespace {

// What it says is in the store is: it is asked when append_curve has returned.
class AcknowledgingLog : public AttemptLog {
 public:
  AcknowledgingLog(Store& store, const Claim& claim, const std::string& path)
      : log_(store_log(store, claim)),
        claim_(claim),
        acks_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) {
    if (acks_ < 0) throw failure("acks: " + path + ": cannot be opened");
  }
  ~AcknowledgingLog() override { ::close(acks_); }

  void append_curve(std::span<const CurvePoint> points) override {
    log_->append_curve(points);
    // One write, so that lines of several processes do not mix.
    std::string lines;
    for (const CurvePoint& point : points) {
      lines += std::to_string(claim_.attempt_id) + " " + std::to_string(point.step) + "\n";
    }
    if (::write(acks_, lines.data(), lines.size()) < 0) std::abort();
  }
  bool heartbeat(double tokens_done) override { return log_->heartbeat(tokens_done); }

 private:
  std::unique_ptr<AttemptLog> log_;
  const Claim& claim_;
  int acks_;
};

int work(const std::string& db, const std::string& acks, int step_us) {
  const StopSignal stop;
  Store store(db);
  FaultyRunner runner(
      {.step_time = std::chrono::microseconds(step_us), .crashes = db + ".crashes"});
  WorkerOptions options{
      .attempt = {.stop = [&] { return stop.requested(); },
                  .note = [](const std::string& text) { std::puts(text.c_str()); },
                  .checkpoint_dir = db + ".checkpoints",
                  .checkpoint_seconds = 0.2,
                  .heartbeat_seconds = 1,
                  .flush_seconds = 0.1},
      .log = [&](Store& to, const Claim& claim) -> std::unique_ptr<AttemptLog> {
        return std::make_unique<AcknowledgingLog>(to, claim, acks);
      }};
  return exit_status(run_worker(store, "fake", runner, options));
}

int drive(const std::string& db, const std::string& acks, int workers, const std::string& step_us) {
  const StopSignal stop;
  std::filesystem::create_directories(db + ".crashes");
  SweepOptions options{.db = db,
                       .study = "fake",
                       .workers = workers,
                       .worker_command = {"/proc/self/exe", "worker", db, acks, step_us},
                       .log_dir = db + ".fake-logs",
                       .stop_count = [&] { return stop.count(); },
                       .note = [](const std::string& text) { std::puts(text.c_str()); }};
  const SweepSummary summary = run_sweep(options);
  if (!summary.disk_full.empty()) throw Error(ErrorKind::kFailed, summary.disk_full, "disk_full");
  return summary.interrupted ? 130 : 0;
}

int lock(const std::string& db, const std::string& seconds) {
  sqlite3* store = nullptr;
  if (sqlite3_open_v2(db.c_str(), &store, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK) return 1;
  sqlite3_busy_timeout(store, 20000);
  if (sqlite3_exec(store, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr) != SQLITE_OK) return 1;
  std::this_thread::sleep_for(std::chrono::duration<double>(std::stod(seconds)));
  sqlite3_exec(store, "ROLLBACK", nullptr, nullptr, nullptr);
  return sqlite3_close(store) == SQLITE_OK ? 0 : 1;
}

}  // namespace
}  // namespace isoflop

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  try {
    if (args.size() == 4 && args[0] == "worker") {
      return isoflop::work(args[1], args[2], std::stoi(args[3]));
    }
    if (args.size() == 5 && args[0] == "driver") {
      return isoflop::drive(args[1], args[2], std::stoi(args[3]), args[4]);
    }
    if (args.size() == 3 && args[0] == "lock") return isoflop::lock(args[1], args[2]);
  } catch (const isoflop::Error& error) {
    std::fprintf(stderr, "faulty_sweep: %s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "faulty_sweep: %s\n", error.what());
    return 1;
  }
  return 2;
}
