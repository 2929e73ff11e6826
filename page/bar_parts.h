// Stacked bars beside names, for charts of costs and states. For page/'s own sources.
#ifndef ISOFLOP_PAGE_BAR_PARTS_H_
#define ISOFLOP_PAGE_BAR_PARTS_H_

#include <functional>
#include <string>
#include <vector>

#include "figure/figure.h"

namespace isoflop {

struct BarStack {
  std::string name;
  int colour = 0;
  std::vector<double> heights;  // its own, one a category
};

Axis category_axis(const std::string& title, std::vector<std::string> names);

// Each stack on top of those before it, what has no height left out. `words` says a height.
void add_stacks(const std::vector<BarStack>& stacks, const std::vector<std::string>& names,
                const std::function<std::string(double)>& words, Panel& panel);

// "1.20M", "1.20M-3.40M".
std::string size_name(double low, double high);

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_BAR_PARTS_H_
