#include "figure/script.h"

#include "figure/overlay_script.h"
#include "figure/panel_script.h"

namespace isoflop {

Script gnuplot_script(const Layout& layout, DrawTarget target) {
  ScriptWriter out(layout, target);
  for (const PanelLayout& panel : layout.panels) write_panel(out, panel);
  write_overlay(out);
  return out.finish();
}

}  // namespace isoflop
