// The colours of figures, as data: a page puts palette_css() in its style once, and its inline
// figures follow it from light to dark.
//
// Categories c0 to c6 are Okabe and Ito's hues ("Color Universal Design", 2008: told apart by the
// colour-blind), each made darker for white paper or lighter for a dark page until it keeps 3:1
// against it (WCAG 2.2, 1.4.11). The ramp s0 to s9 is even in CIE lightness and grows away from the
// page: what is more, stands out more. ink and faint carry text and keep 4.5:1 (1.4.3).
#ifndef ISOFLOP_FIGURE_PALETTE_H_
#define ISOFLOP_FIGURE_PALETTE_H_

#include <string>
#include <vector>

namespace isoflop {

struct PaletteColour {
  std::string name;   // "c0"; its CSS variable is --c0
  std::string light;  // "#0072b2"
  std::string dark;
};

inline constexpr int kCategories = 7;
inline constexpr int kShades = 10;

// paper (the page's ground), ink, faint, grid, c0 to c6, s0 to s9.
const std::vector<PaletteColour>& palette();

// One of them; throws Error(kUsage) for a name that is none.
const PaletteColour& palette_colour(const std::string& name);

// ":root{--paper:#ffffff;...}" and the same for dark pages, by the reader's preference.
std::string palette_css();

// WCAG 2.2's contrast of two "#rrggbb": (L1 + 0.05) / (L2 + 0.05), from 1 to 21.
double contrast_ratio(const std::string& a, const std::string& b);

// CIE 1976 lightness L*, 0 (black) to 100.
double lightness(const std::string& colour);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_PALETTE_H_
