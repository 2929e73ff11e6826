// bench_store: how fast the store is written and read, for bench/store.py.
//
//   write FILE RATE BATCH SECONDS VIEWERS   8 processes append curve points, RATE points/s each (0:
//                                           as fast as they can), BATCH a write, as workers do; two
//                                           are killed half-way; VIEWERS processes read the status
//                                           all the while
//   plain FILE SECONDS                      the same processes with SQLite alone, a row a
//                                           transaction
//   fill FILE STUDIES TRIALS POINTS         finished trials with their curves
//   grow FILE TRIALS                        a study of so many trials, half of them done
//   claims FILE TIMES                       claim, heartbeat and end of a trial; status
//   reads FILE STUDY                        status, rows of the trials, points of a fit
//
// Each prints one JSON object. Latencies are of whole calls, in milliseconds. A point is acked when
// its call has returned; the count lies in memory that outlives the process.
#include "db/store.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <span>
#include <sqlite3.h>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "core/error.h"
#include "core/stopwatch.h"

namespace isoflop {
namespace {

constexpr int kWriters = 8;
constexpr int kKilled = 2;
constexpr std::size_t kMostTimes = 1 << 20;

// What a process leaves behind.
struct Record {
  volatile std::int64_t acked = 0;  // points
  volatile std::int64_t calls = 0;
  float times[kMostTimes] = {};  // ms
};

Record* shared_records(int count) {
  void* memory = ::mmap(nullptr, sizeof(Record) * static_cast<std::size_t>(count),
                        PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw failure("bench: mmap: no memory for the records");
  return static_cast<Record*>(memory);
}

void note(Record& record, double seconds, std::int64_t points) {
  const auto call = static_cast<std::size_t>(record.calls);
  if (call < kMostTimes) record.times[call] = static_cast<float>(1000 * seconds);
  record.acked = record.acked + points;
  record.calls = record.calls + 1;
}

pid_t start(const std::function<void()>& work) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  try {
    work();
    std::_Exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: a process failed: %s\n", error.what());
    std::_Exit(1);
  }
}

// Seconds on a steady clock at which call k is due.
class Pace {
 public:
  explicit Pace(double calls_a_second) : step_(calls_a_second > 0 ? 1 / calls_a_second : 0) {}
  void wait() {
    next_ += step_;
    const double ahead = next_ - watch_.seconds();
    if (step_ > 0 && ahead > 0) {
      std::this_thread::sleep_for(std::chrono::duration<double>(ahead));
    }
  }
  double seconds() const { return watch_.seconds(); }

 private:
  double step_;
  double next_ = 0;
  Stopwatch watch_;
};

Trial bench_trial(std::int64_t seed, double params = 1e6) {
  Trial trial;
  trial.trainer = "tabular";
  trial.data.source = "zipf";
  trial.tabular_params = params;
  trial.train.tokens = 2e7;
  trial.seed = seed;
  return trial;
}

CurvePoint point_at(std::int64_t step) {
  const auto t = static_cast<double>(step);
  return {.step = step,
          .tokens = 16384 * t,
          .flops = 6e6 * 16384 * t,
          .train_loss = 2 + 5 / std::sqrt(t),
          .rate = 1e-3,
          .grad_norm = 0.7 + 0.1 * std::sin(t),
          .seconds = 0.05 * t};
}

// `kill` of the processes at half-time, then waits for all. Returns how many ended badly by
// themselves.
int kill_some_and_wait(const std::vector<pid_t>& pids, int kill, double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds / 2));
  for (int i = 0; i < kill; ++i)
    ::kill(pids[pids.size() - 1 - static_cast<std::size_t>(i)], SIGKILL);
  int failed = 0;
  for (const pid_t pid : pids) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    failed += WIFEXITED(status) && WEXITSTATUS(status) != 0 ? 1 : 0;
  }
  return failed;
}

struct Spread {
  double median = 0, p99 = 0, p999 = 0, longest = 0;
};

Spread spread_of(std::vector<float> times) {
  if (times.empty()) return {};
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return static_cast<double>(times[std::min(
        times.size() - 1, static_cast<std::size_t>(share * static_cast<double>(times.size())))]);
  };
  return {at(0.5), at(0.99), at(0.999), times.back()};
}

std::vector<float> times_of(const Record* records, int count) {
  std::vector<float> times;
  for (int i = 0; i < count; ++i) {
    const auto calls =
        std::min<std::size_t>(static_cast<std::size_t>(records[i].calls), kMostTimes);
    times.insert(times.end(), records[i].times, records[i].times + calls);
  }
  return times;
}

void print_spread(const char* name, const Spread& s) {
  std::printf("\"%s\": {\"median\": %.4g, \"p99\": %.4g, \"p999\": %.4g, \"longest\": %.4g}", name,
              s.median, s.p99, s.p999, s.longest);
}

// One number from the file, by SQLite alone.
std::string ask(const std::string& file, const std::string& sql) {
  sqlite3* db = nullptr;
  std::string answer;
  if (sqlite3_open(file.c_str(), &db) == SQLITE_OK) {
    sqlite3_exec(
        db, sql.c_str(),
        [](void* into, int, char** values, char**) {
          *static_cast<std::string*>(into) = values[0] ? values[0] : "";
          return 0;
        },
        &answer, nullptr);
  }
  sqlite3_close(db);
  return answer;
}

void write_points(const std::string& file, double rate, int batch, double seconds, Record& record) {
  Store store(file);
  const auto claim = store.claim_next("s", this_worker());
  if (!claim) throw failure("bench: nothing to claim");
  std::vector<CurvePoint> points(static_cast<std::size_t>(batch));
  Pace pace(rate / batch);
  for (std::int64_t step = 1; pace.seconds() < seconds;) {
    for (CurvePoint& point : points) point = point_at(step++);
    pace.wait();
    const Stopwatch watch;
    store.append_curve(*claim, points);
    note(record, watch.seconds(), batch);
  }
}

void view_status(const std::string& file, double seconds, Record& record) {
  const Stopwatch all;
  while (all.seconds() < seconds) {
    const Stopwatch watch;
    Store(file, StoreMode::kReadOnly).view("s");
    note(record, watch.seconds(), 0);
  }
}

// Points that a process was told are saved, and that are not there.
std::int64_t lost_points(const std::string& file, const Record* records) {
  std::int64_t acked = 0;
  for (int i = 0; i < kWriters; ++i) acked += records[i].acked;
  // Every trial's steps are 1, 2, ...: what is there is as many as the last step says.
  const std::string gaps = ask(file,
                               "SELECT count(*) FROM (SELECT attempt FROM curve_points"
                               " GROUP BY attempt HAVING count(*) <> max(step))");
  const std::int64_t there = std::atoll(ask(file, "SELECT count(*) FROM curve_points").c_str());
  if (gaps != "0") return -1;
  return std::max<std::int64_t>(0, acked - there);
}

void bench_write(const std::string& file, double rate, int batch, double seconds, int viewers) {
  {
    Store store(file, StoreMode::kCreate);
    store.add_study("s", "");
    std::vector<PlannedTrial> trials;
    for (int i = 0; i < kWriters; ++i) trials.push_back({.trial = bench_trial(i)});
    store.add_trials("s", trials);
  }
  Record* writers = shared_records(kWriters);
  Record* readers = shared_records(std::max(1, viewers));
  std::vector<pid_t> pids;
  const Stopwatch watch;
  for (int i = 0; i < viewers; ++i) {
    pids.push_back(start([&, i] { view_status(file, seconds, readers[i]); }));
  }
  for (int i = 0; i < kWriters; ++i) {
    pids.push_back(start([&, i] { write_points(file, rate, batch, seconds, writers[i]); }));
  }
  const int failed = kill_some_and_wait(pids, kKilled, seconds);
  const double took = watch.seconds();
  std::int64_t acked = 0;
  for (int i = 0; i < kWriters; ++i) acked += writers[i].acked;
  std::printf(
      "{\"points\": %lld, \"points_a_second\": %.0f, \"failed\": %d, \"lost\": %lld, "
      "\"integrity\": \"%s\", ",
      static_cast<long long>(acked), static_cast<double>(acked) / took, failed,
      static_cast<long long>(lost_points(file, writers)),
      ask(file, "PRAGMA integrity_check").c_str());
  print_spread("write_ms", spread_of(times_of(writers, kWriters)));
  if (viewers > 0) {
    std::printf(", ");
    print_spread("view_ms", spread_of(times_of(readers, viewers)));
  }
  std::printf("}\n");
}

void check(int code, sqlite3* db) {
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
    throw failure(std::string("bench: SQLite: ") + sqlite3_errmsg(db));
  }
}

void insert_rows(const std::string& file, int writer, double seconds, Record& record) {
  sqlite3* db = nullptr;
  check(sqlite3_open(file.c_str(), &db), db);
  sqlite3_busy_timeout(db, 30000);
  check(sqlite3_exec(db, "PRAGMA synchronous = NORMAL", nullptr, nullptr, nullptr), db);
  sqlite3_stmt* insert = nullptr;
  check(
      sqlite3_prepare_v2(db, "INSERT INTO p VALUES (?, ?, ?, ?, ?, ?, ?, ?)", -1, &insert, nullptr),
      db);
  const Stopwatch all;
  for (std::int64_t step = 1; all.seconds() < seconds; ++step) {
    const CurvePoint p = point_at(step);
    const Stopwatch watch;
    sqlite3_bind_int(insert, 1, writer);
    sqlite3_bind_int64(insert, 2, step);
    int index = 3;
    for (const double value : {p.tokens, p.flops, p.train_loss, p.rate, p.grad_norm, p.seconds}) {
      sqlite3_bind_double(insert, index++, value);
    }
    check(sqlite3_step(insert), db);
    check(sqlite3_reset(insert), db);
    note(record, watch.seconds(), 1);
  }
  sqlite3_finalize(insert);
  sqlite3_close(db);
}

void bench_plain(const std::string& file, double seconds) {
  ask(file, "PRAGMA journal_mode = WAL");
  ask(file,
      "CREATE TABLE p (run INTEGER, step INTEGER, tokens REAL, flops REAL, loss REAL, rate REAL,"
      " norm REAL, seconds REAL, PRIMARY KEY (run, step)) WITHOUT ROWID");
  Record* writers = shared_records(kWriters);
  std::vector<pid_t> pids;
  for (int i = 0; i < kWriters; ++i) {
    pids.push_back(start([&, i] { insert_rows(file, i, seconds, writers[i]); }));
  }
  const int failed = kill_some_and_wait(pids, kKilled, seconds);
  std::int64_t acked = 0;
  for (int i = 0; i < kWriters; ++i) acked += writers[i].acked;
  std::printf("{\"points\": %lld, \"points_a_second\": %.0f, \"failed\": %d, ",
              static_cast<long long>(acked), static_cast<double>(acked) / seconds, failed);
  print_spread("write_ms", spread_of(times_of(writers, kWriters)));
  std::printf("}\n");
}

// A grid of 25 sizes and 20 budgets, with as many seeds as it takes.
std::vector<PlannedTrial> grid_of(std::int64_t count, std::int64_t first_seed) {
  std::vector<PlannedTrial> trials;
  for (std::int64_t i = 0; i < count; ++i) {
    PlannedTrial planned{.trial = bench_trial(first_seed + i / 500, 1e5 * std::pow(1.3, i % 25))};
    const double budget = 1e15 * std::pow(1.5, (i / 25) % 20);
    planned.budget = budget;
    planned.trial.train.tokens = budget / (6 * planned.trial.tabular_params);
    trials.push_back(planned);
  }
  return trials;
}

Outcome done_at(double loss, const Trial& trial) {
  return {.status = OutcomeStatus::kDone,
          .reason = "",
          .evaluations = {{.loss = loss, .standard_error = 0.01, .tokens = 4096}},
          .steps = 1000,
          .tokens = trial.train.tokens,
          .seconds = 50,
          .flops = total_flops(trial, FlopConvention::kExact)};
}

void bench_fill(const std::string& file, int studies, int trials, int points) {
  Store store(file, StoreMode::kCreate);
  std::vector<CurvePoint> curve;
  for (int step = 1; step <= points; ++step) curve.push_back(point_at(step));
  const Stopwatch watch;
  for (int s = 0; s < studies; ++s) {
    const std::string study = "s" + std::to_string(s);
    store.add_study(study, "");
    store.add_trials(study, grid_of(trials, 1000 * s + 1));
    while (const auto claim = store.claim_next(study, this_worker())) {
      store.append_curve(*claim, curve);
      store.finish(*claim, done_at(2 + 1e-4 * static_cast<double>(claim->trial_id), claim->trial));
    }
  }
  std::printf("{\"points\": %.0f, \"seconds\": %.3g}\n", 1.0 * studies * trials * points,
              watch.seconds());
}

void bench_grow(const std::string& file, std::int64_t trials) {
  Store store(file, StoreMode::kCreate);
  store.add_study("s", "");
  const Stopwatch watch;
  store.add_trials("s", grid_of(trials, 1));
  const double added = watch.seconds();
  for (std::int64_t i = 0; i < trials / 2; ++i) {
    const auto claim = store.claim_next("s", this_worker());
    store.finish(*claim, done_at(2, claim->trial));
  }
  std::printf("{\"trials\": %lld, \"add_seconds\": %.3g, \"half_seconds\": %.3g}\n",
              static_cast<long long>(trials), added, watch.seconds() - added);
}

template <class Work>
float timed(Work&& work) {
  const Stopwatch watch;
  work();
  return static_cast<float>(1000 * watch.seconds());
}

void bench_claims(const std::string& file, int times) {
  std::vector<float> claims, beats, ends, views;
  Store store(file);
  for (int i = 0; i < times; ++i) {
    std::optional<Claim> claim;
    claims.push_back(timed([&] { claim = store.claim_next("s", this_worker()); }));
    if (!claim) throw failure("bench: nothing to claim");
    beats.push_back(timed([&] { store.heartbeat(*claim, 1000); }));
    if (i % 10 == 0) {
      views.push_back(timed([&] { Store(file, StoreMode::kReadOnly).view("s"); }));
    }
    ends.push_back(timed([&] { store.finish(*claim, {.status = OutcomeStatus::kInterrupted}); }));
  }
  std::printf("{");
  print_spread("claim_ms", spread_of(claims));
  std::printf(", ");
  print_spread("heartbeat_ms", spread_of(beats));
  std::printf(", ");
  print_spread("finish_ms", spread_of(ends));
  std::printf(", ");
  print_spread("view_ms", spread_of(views));
  std::printf("}\n");
}

void bench_reads(const std::string& file, const std::string& study) {
  const Store store(file, StoreMode::kReadOnly);
  const double view = timed([&] { store.view(study); });
  const double rows = timed([&] { store.trials(study); });
  const double fit = timed([&] { store.results(study); });
  std::printf("{\"view_ms\": %.4g, \"trials_ms\": %.4g, \"results_ms\": %.4g}\n", view, rows, fit);
}

int run(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](std::size_t i) { return std::atof(words.at(i).c_str()); };
  const auto whole = [&](std::size_t i) { return std::atoi(words.at(i).c_str()); };
  const std::string& what = words.at(0);
  if (what == "write") {
    bench_write(words.at(1), number(2), whole(3), number(4), whole(5));
  } else if (what == "plain") {
    bench_plain(words.at(1), number(2));
  } else if (what == "fill") {
    bench_fill(words.at(1), whole(2), whole(3), whole(4));
  } else if (what == "grow") {
    bench_grow(words.at(1), whole(2));
  } else if (what == "claims") {
    bench_claims(words.at(1), whole(2));
  } else if (what == "reads") {
    bench_reads(words.at(1), words.at(2));
  } else {
    throw usage_error("bench_store: " + what + ": is none of its parts; see bench/store.cc");
  }
  return 0;
}

}  // namespace
}  // namespace isoflop

int main(int argc, char** argv) {
  try {
    return isoflop::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_store: %s\n", error.what());
    return 1;
  }
}
