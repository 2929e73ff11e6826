// A learning-rate schedule as the Multi-Power Law sees it: how much rate has been spent, and how
// much of the fall of the rate has taken effect.
//
//   S(x) = rates of the steps before x, in steps at the peak rate
//   D(x) = sum over events k before x of drop_k G(c r_k^-0.64 (S(x) - S_k)),
//   G(y) = 1 - (1 + y)^-0.59
//
// x counts steps from 0 and may lie inside one. drop_k is a fall of rate / peak after the warm-up,
// negative where the rate rises again; the falls of neighbouring steps are gathered into at most
// about 200 events of equal size, a jump being one event in its place. The exponents and c = 0.11
// are the means over the three fits of Luo et al. 2025 (beta 0.58 to 0.60, gamma 0.64 to 0.66,
// c = C peak^(1 - gamma) 0.10 to 0.12 at their peak, 3e-4): the loss follows a fall of the rate
// within some tens of steps, with a long tail.
#ifndef ISOFLOP_FORECAST_FORECAST_SCHEDULE_H_
#define ISOFLOP_FORECAST_FORECAST_SCHEDULE_H_

#include <vector>

#include "forecast/forecast.h"

namespace isoflop {

class RateTrack {
 public:
  // schedule.steps > 0. Rates that are not finite or negative count as 0.
  explicit RateTrack(const RateSchedule& schedule);

  bool usable() const { return peak_ > 0; }  // some rate is above 0
  double end() const { return steps_; }
  double warmup_end() const { return warmup_end_; }  // where the rate stops rising first
  double spent(double x) const;                      // S
  double decayed(double x) const;                    // D

 private:
  struct Event {
    double x, spent, drop, speed;  // speed = c r^-0.64
  };

  void find_warmup();
  void find_events();

  double steps_ = 0;
  double stride_ = 1;
  double peak_ = 0;
  double warmup_end_ = 0;
  std::vector<double> rates_;  // / peak, at multiples of stride_
  std::vector<double> spent_;  // before them; one more, for the end
  std::vector<Event> events_;
};

}  // namespace isoflop

#endif  // ISOFLOP_FORECAST_FORECAST_SCHEDULE_H_
