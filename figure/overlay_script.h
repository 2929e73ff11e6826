// What lies over the panels, on a plane of CSS pixels: all text, and the key's samples.
#ifndef ISOFLOP_FIGURE_OVERLAY_SCRIPT_H_
#define ISOFLOP_FIGURE_OVERLAY_SCRIPT_H_

#include "figure/script_writer.h"

namespace isoflop {

void write_overlay(ScriptWriter& out);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_OVERLAY_SCRIPT_H_
