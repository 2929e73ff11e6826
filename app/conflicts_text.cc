#include "app/conflicts_text.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/units.h"

namespace isoflop {
namespace {

constexpr std::size_t kShownConflicts = 20;

std::string loss_or_none(double loss) { return std::isnan(loss) ? "none" : exact_number(loss); }

std::string conflict_line(const ConflictRow& row) {
  return "conflict: trial " + row.identity.substr(0, 12) + ": loss on \"" + row.heldout + "\" is " +
         loss_or_none(row.loss) + "; " + (row.origin.empty() ? row.host : row.origin) + " has " +
         loss_or_none(row.other) + ", which is kept beside it and not used\n";
}

}  // namespace

std::string conflicts_text(const std::vector<ConflictRow>& conflicts) {
  std::string text;
  for (std::size_t i = 0; i < std::min(conflicts.size(), kShownConflicts); ++i) {
    text += conflict_line(conflicts[i]);
  }
  if (conflicts.size() > kShownConflicts) {
    text += "and " + std::to_string(conflicts.size() - kShownConflicts) + " more; --json has all\n";
  }
  if (conflicts.empty()) return text;
  return text +
         "The same trial gives the same loss to the bit only with the same build, CPU type and "
         "micro-batch.\n";
}

nlohmann::ordered_json conflicts_json(const std::vector<ConflictRow>& conflicts) {
  auto json = nlohmann::ordered_json::array();
  for (const ConflictRow& row : conflicts) {
    auto& item = json.emplace_back();
    item["trial"] = row.identity;
    item["heldout"] = row.heldout;
    if (!std::isnan(row.loss)) item["loss"] = row.loss;
    if (!std::isnan(row.other)) item["other"] = row.other;
    item["origin"] = row.origin;
    item["host"] = row.host;
  }
  return json;
}

}  // namespace isoflop
