#include "page/trials_seen.h"

#include <algorithm>

namespace isoflop {

std::string numbered(std::size_t count, const std::string& thing) {
  return std::to_string(count) + ' ' + thing + (count == 1 ? "" : "s");
}

std::string values_text(const std::set<double>& values, std::string (*format)(double)) {
  if (values.empty()) return "";
  if (values.size() == 1) return format(*values.begin());
  return format(*values.begin()) + " to " + format(*values.rbegin()) + " (" +
         numbered(values.size(), "value") + ")";
}

std::string words_text(const std::set<std::string>& words) {
  std::string out;
  if (words.size() > kMostNamed) {
    return *words.begin() + ", ..., " + *words.rbegin() + " (" + std::to_string(words.size()) + ")";
  }
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string TrialsSeen::numbers(const std::function<double(const Trial&)>& field,
                                std::string (*format)(double)) const {
  std::set<double> values;
  if (any()) {
    for (const Trial& trial : *trials_) values.insert(field(trial));
  }
  return values_text(values, format);
}

std::string TrialsSeen::words(const std::function<std::string(const Trial&)>& field) const {
  std::set<std::string> words;
  if (any()) {
    for (const Trial& trial : *trials_) words.insert(field(trial));
  }
  return words_text(words);
}

bool TrialsSeen::all(const std::function<bool(const Trial&)>& holds) const {
  return any() && std::all_of(trials_->begin(), trials_->end(), holds);
}

std::string TrialsSeen::if_trained(const std::string& answer) const {
  if (!any()) return "";
  return trained() ? answer : "none: the tabular learner's loss is computed, not trained";
}

}  // namespace isoflop
