#include "fit/exclusions.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace isoflop {
namespace {

constexpr std::size_t kShortestBeginning = 6;  // of a label

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "4" or "0-4".
std::optional<std::pair<std::int64_t, std::int64_t>> row_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = whole_number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : whole_number(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return std::pair(*first, *last);
}

// The label that `text` is or begins; empty where there is none.
std::string label_of(std::span<const Observation> observations, const std::string& text) {
  std::string found;
  for (const Observation& row : observations) {
    if (row.trial == text) return text;
    if (text.size() < kShortestBeginning || !row.trial.starts_with(text)) continue;
    if (!found.empty() && found != row.trial) {
      throw usage_error(fmt::format("--exclude {}: could be {} or {}: give more of the label", text,
                                    found, row.trial));
    }
    found = row.trial;
  }
  return found;
}

std::string rows_there(std::span<const Observation> observations) {
  const auto [low, high] =
      std::minmax_element(observations.begin(), observations.end(),
                          [](const Observation& a, const Observation& b) { return a.row < b.row; });
  if (low == observations.end()) return "there are no rows";
  return fmt::format("rows are {} to {}, counted from 0", low->row, high->row);
}

template <class Matches>
std::size_t drop(std::vector<Observation>& rows, const Matches& matches) {
  return std::erase_if(rows, matches);
}

void exclude(const Exclusion& exclusion, std::vector<Observation>& rows) {
  if (exclusion.because.empty()) {
    throw usage_error(
        fmt::format("--exclude {}: gives no reason: add --because \"...\", it stays with the fit",
                    exclusion.rows));
  }
  const std::string label = label_of(rows, exclusion.rows);
  const auto range = row_range(exclusion.rows);
  const std::string there = rows_there(rows);
  std::size_t gone = 0;
  if (!label.empty()) {
    gone = drop(rows, [&](const Observation& row) { return row.trial == label; });
  } else if (range) {
    gone = drop(rows, [&](const Observation& row) {
      return row.row >= range->first && row.row <= range->second;
    });
  }
  if (gone > 0) return;
  throw usage_error(
      fmt::format("--exclude {}: names no row that is (still) there: {}; a label of a trial or its "
                  "first {} characters will do too",
                  exclusion.rows, there, kShortestBeginning));
}

}  // namespace

std::vector<Observation> without(std::span<const Observation> observations,
                                 std::span<const Exclusion> exclusions) {
  std::vector<Observation> rows(observations.begin(), observations.end());
  for (const Exclusion& exclusion : exclusions) exclude(exclusion, rows);
  return rows;
}

}  // namespace isoflop
