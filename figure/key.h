// The key: an entry a name, below the panels, in rows. Series of one name and colour share an
// entry, with all their marks; what is shaded (an ordered family) becomes one row of swatches
// between its first and its last name once there are kFamily of them.
#ifndef ISOFLOP_FIGURE_KEY_H_
#define ISOFLOP_FIGURE_KEY_H_

#include <string>
#include <vector>

#include "figure/figure.h"

namespace isoflop {

inline constexpr std::size_t kFamily = 4;
inline constexpr double kKeyRow = 18;     // height of a row
inline constexpr double kKeySample = 26;  // width of a line's sample
inline constexpr double kKeySwatch = 11;  // width of a shade's swatch

struct KeyEntry {
  std::vector<const Series*> samples;
  std::string name;
  // A family: the name of its first, swatches of `samples` in the order of their shades, then
  // `name`, the last.
  std::string first_name;
  bool family = false;
  double x = 0;  // the left end and the row's middle, from the key's top left
  double y = 0;

  // Where the samples begin, and the text after them.
  double samples_at(double font_size) const;
  double text_at(double font_size) const;
  double width(double font_size) const;
};

struct Key {
  std::vector<KeyEntry> entries;
  double left = 0;
  double top = 0;
  double height = 0;  // 0: there is none
};

// Placed in rows of `width`, at most `most_rows`; what is too much ends in "and 5 more".
Key make_key(const Figure& figure, double width, int most_rows, double font_size);

}  // namespace isoflop

#endif  // ISOFLOP_FIGURE_KEY_H_
