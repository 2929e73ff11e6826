// One panel of a figure: its axes, grid and marks, as commands and data of gnuplot.
//
// Values that have no place (not finite, not positive on a logarithmic axis) leave gaps.
#ifndef ISOFLOP_FIGURE_PANEL_SCRIPT_H_
#define ISOFLOP_FIGURE_PANEL_SCRIPT_H_

#include "figure/script_writer.h"

namespace isoflop {

void write_panel(ScriptWriter& out, const PanelLayout& panel);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_PANEL_SCRIPT_H_
