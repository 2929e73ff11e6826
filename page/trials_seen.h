// A sweep's trials seen through one field: what the checklist says of all of them in a few words.
#ifndef ISOFLOP_PAGE_TRIALS_SEEN_H_
#define ISOFLOP_PAGE_TRIALS_SEEN_H_

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "core/units.h"
#include "page/report_data.h"

namespace isoflop {

inline constexpr std::size_t kMostNamed = 6;  // values that are listed; more become a range

// "1 run", "3 runs".
std::string numbered(std::size_t count, const std::string& thing);

// "4.2M to 1.3B (7 values)", "128"; empty for none.
std::string values_text(const std::set<double>& values, std::string (*format)(double));

// "cosine, cooldown"; of many the first and the last, with how many.
std::string words_text(const std::set<std::string>& words);

class TrialsSeen {
 public:
  explicit TrialsSeen(const ReportData& data) {
    if (data.sweep) trials_ = &data.sweep->trials;
  }
  bool any() const { return trials_ != nullptr && !trials_->empty(); }
  bool trained() const { return any() && trials_->front().trainer != "tabular"; }
  const Trial& first() const { return trials_->front(); }

  std::string numbers(const std::function<double(const Trial&)>& field,
                      std::string (*format)(double) = format_quantity) const;
  std::string words(const std::function<std::string(const Trial&)>& field) const;
  bool all(const std::function<bool(const Trial&)>& holds) const;
  // What a trained model has and the tabular learner has not.
  std::string if_trained(const std::string& answer) const;

 private:
  const std::vector<Trial>* trials_ = nullptr;
};

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_TRIALS_SEEN_H_
