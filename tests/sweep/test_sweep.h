// A study of small trials in a folder that goes away, and the questions tests ask of it.
#ifndef ISOFLOP_TESTS_SWEEP_TEST_SWEEP_H_
#define ISOFLOP_TESTS_SWEEP_TEST_SWEEP_H_

#include <SQLiteCpp/SQLiteCpp.h>
#include <string>

#include "tests/db/test_store.h"

namespace isoflop {

class TestSweep {
 public:
  explicit TestSweep(int trials) : TestSweep(tabular_trials(trials)) {}
  // `path`: where the store is to lie; in a folder of its own by default.
  explicit TestSweep(const std::vector<PlannedTrial>& trials, const std::string& path = {})
      : path_(path.empty() ? folder_.file("runs.db") : path) {
    std::filesystem::create_directories(checkpoints());
    Store store(path_, StoreMode::kCreate);
    store.add_study("s", "");
    store.add_trials("s", trials);
  }

  const std::string& path() const { return path_; }
  std::string checkpoints() const { return path_ + ".checkpoints"; }
  SweepStatus status() const { return Store(path_, StoreMode::kReadOnly).status("s"); }
  std::vector<TrialRow> trials() const { return Store(path_, StoreMode::kReadOnly).trials("s"); }
  std::string ask(const std::string& sql) const {
    return SQLite::Database(path_).execAndGet(sql).getString();
  }
  void change(const std::string& sql) const {
    SQLite::Database(path_, SQLite::OPEN_READWRITE, 10000).exec(sql);
  }

 private:
  TemporaryFolder folder_;
  std::string path_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_SWEEP_TEST_SWEEP_H_
