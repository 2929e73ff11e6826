// Where labels at points stand: beside their point, where they cover neither each other nor points
// nor the edge of the panel, as far as there is room.
#ifndef ISOFLOP_FIGURE_LABEL_PLACES_H_
#define ISOFLOP_FIGURE_LABEL_PLACES_H_

#include <vector>

#include "figure/layout.h"

namespace isoflop {

// A text for each label of the panel's series of text, in CSS pixels.
std::vector<Text> place_labels(const PanelLayout& panel);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_LABEL_PLACES_H_
