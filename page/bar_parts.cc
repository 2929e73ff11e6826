#include "page/bar_parts.h"

#include "core/units.h"

namespace isoflop {

Axis category_axis(const std::string& title, std::vector<std::string> names) {
  Axis axis{.title = title, .names = std::move(names)};
  axis.low = 0.4;
  axis.high = static_cast<double>(axis.names.size()) + 0.6;
  return axis;
}

void add_stacks(const std::vector<BarStack>& stacks, const std::vector<std::string>& names,
                const std::function<std::string(double)>& words, Panel& panel) {
  std::vector<double> total(names.size(), 0);
  for (const BarStack& stack : stacks) {
    Series series{.name = stack.name, .mark = Mark::kBars, .colour = stack.colour};
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!(stack.heights[i] > 0)) continue;
      series.x.push_back(static_cast<double>(i + 1));
      series.low.push_back(total[i]);
      total[i] += stack.heights[i];
      series.y.push_back(total[i]);
      series.hover.push_back(names[i] + ": " + words(stack.heights[i]) +
                             (stack.name.empty() ? "" : " " + stack.name));
    }
    if (!series.x.empty()) panel.series.push_back(std::move(series));
  }
}

std::string size_name(double low, double high) {
  return low == high ? format_quantity(low) : format_quantity(low) + "-" + format_quantity(high);
}

}  // namespace isoflop
