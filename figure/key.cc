#include "figure/key.h"

#include <algorithm>

#include "figure/text_size.h"

namespace isoflop {
namespace {

constexpr double kKeyGap = 18;  // between entries
constexpr double kTextGap = 6;  // between a sample and its text

bool same_entry(const Series& a, const Series& b) {
  return a.name == b.name && a.shade == b.shade && (a.shade || a.colour == b.colour);
}

std::vector<KeyEntry> entries_of(const Figure& figure) {
  std::vector<KeyEntry> entries;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      if (one_line(series.name).empty() || series.mark == Mark::kText) continue;
      const auto known = std::find_if(entries.begin(), entries.end(), [&](const KeyEntry& entry) {
        return same_entry(*entry.samples.front(), series);
      });
      if (known == entries.end()) {
        entries.push_back({.samples = {&series}, .name = one_line(series.name)});
      } else if (std::none_of(known->samples.begin(), known->samples.end(), [&](const Series* s) {
                   return s->mark == series.mark && s->dashed == series.dashed;
                 })) {
        known->samples.push_back(&series);
      }
    }
  }
  return entries;
}

// The shaded entries made one, in the place of the first.
void join_family(std::vector<KeyEntry>& entries) {
  const auto shaded = [](const KeyEntry& entry) {
    return entry.samples.front()->shade.has_value();
  };
  std::vector<KeyEntry> family;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(family), shaded);
  if (family.size() < kFamily) return;
  std::stable_sort(family.begin(), family.end(), [](const KeyEntry& a, const KeyEntry& b) {
    return *a.samples.front()->shade < *b.samples.front()->shade;
  });
  KeyEntry joined{.name = family.back().name, .first_name = family.front().name, .family = true};
  for (const KeyEntry& entry : family) joined.samples.push_back(entry.samples.front());
  const auto place = std::find_if(entries.begin(), entries.end(), shaded);
  *place = joined;
  entries.erase(std::remove_if(place + 1, entries.end(), shaded), entries.end());
}

// Puts entries into rows; returns how many found a place.
std::size_t flow(std::vector<KeyEntry>& entries, double width, int most_rows, double font_size) {
  double x = 0;
  int row = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    KeyEntry& entry = entries[i];
    const double fixed = entry.width(font_size) - text_width(entry.name, font_size);
    entry.name = shortened(entry.name, font_size, std::max(width - fixed, 3 * font_size));
    if (x > 0 && x + entry.width(font_size) > width) {
      x = 0;
      ++row;
    }
    if (row >= most_rows) return i;
    entry.x = x;
    entry.y = (row + 0.5) * kKeyRow;
    x += entry.width(font_size) + kKeyGap;
  }
  return entries.size();
}

}  // namespace

double KeyEntry::samples_at(double font_size) const {
  return family ? x + text_width(first_name, font_size) + kTextGap : x;
}

double KeyEntry::text_at(double font_size) const {
  if (samples.empty()) return x;
  const double swatches = kKeySwatch * static_cast<double>(samples.size());
  return samples_at(font_size) + (family ? swatches : kKeySample) + kTextGap;
}

double KeyEntry::width(double font_size) const {
  return text_at(font_size) - x + text_width(name, font_size);
}

Key make_key(const Figure& figure, double width, int most_rows, double font_size) {
  Key key;
  key.entries = entries_of(figure);
  join_family(key.entries);
  const std::size_t all = key.entries.size();
  std::size_t placed = flow(key.entries, width, most_rows, font_size);
  // What stands for the rest needs room of its own.
  for (std::size_t kept = placed; placed < all && kept > 0; --kept) {
    std::vector<KeyEntry> tried(key.entries.begin(),
                                key.entries.begin() + static_cast<std::ptrdiff_t>(kept));
    tried.push_back({.name = "and " + std::to_string(all - kept) + " more"});
    if (flow(tried, width, most_rows, font_size) == tried.size()) {
      key.entries = tried;
      placed = all;
    }
  }
  if (!key.entries.empty()) key.height = key.entries.back().y + 0.5 * kKeyRow;
  return key;
}

}  // namespace isoflop
