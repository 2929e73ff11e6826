#include "page/charts.h"

namespace isoflop {

std::vector<Figure> report_figures(const ReportData& data) {
  return {answer_chart(data),     isoflop_chart(data),  curves_chart(data),   contour_chart(data),
          allocation_chart(data), iso_loss_chart(data), residual_chart(data), influence_chart(data),
          profile_chart(data),    backtest_chart(data), cost_chart(data),     gopher_chart(data),
          health_chart(data)};
}

}  // namespace isoflop
