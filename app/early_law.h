// A law while a sweep still runs: as soon as its finished trials determine one, and again whenever
// a quarter more of them have ended. Cheap trials go first (db/store.h), so that it is there after
// about a tenth of the cost where the grid's budgets are spread that far.
#ifndef ISOFLOP_APP_EARLY_LAW_H_
#define ISOFLOP_APP_EARLY_LAW_H_

#include <functional>
#include <optional>
#include <string>

#include "core/stopwatch.h"
#include "core/sweep_status.h"
#include "db/store.h"

namespace isoflop {

class EarlyLaw {
 public:
  // `said` is told the law in a line. Trials that do not determine one yet say nothing.
  EarlyLaw(const std::string& db, double target_flops,
           std::function<void(const std::string&)> said);

  // To be called as often as convenient: looks are rare, and take at most a twentieth of the time;
  // a quarter of it until there is a law.
  void look(const SweepStatus& status);

 private:
  std::optional<std::string> law_text(const Store& store, const SweepStatus& status) const;

  std::string db_;
  double target_flops_;
  std::function<void(const std::string&)> said_;
  std::int64_t next_look_;  // finished trials
  bool has_law_ = false;
  double last_cost_ = 0;  // seconds
  Stopwatch since_;
};

}  // namespace isoflop

#endif  // ISOFLOP_APP_EARLY_LAW_H_
