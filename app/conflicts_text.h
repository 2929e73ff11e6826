// Results of one trial that differ, in words and as JSON.
#ifndef ISOFLOP_APP_CONFLICTS_TEXT_H_
#define ISOFLOP_APP_CONFLICTS_TEXT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "db/rows.h"

namespace isoflop {

// A line each, at most 20 of them; empty where there are none.
std::string conflicts_text(const std::vector<ConflictRow>& conflicts);

// [{"trial", "heldout", "loss", "other", "origin", "host"}]; a loss that there is none of is left
// out.
nlohmann::ordered_json conflicts_json(const std::vector<ConflictRow>& conflicts);

}  // namespace isoflop

#endif  // ISOFLOP_APP_CONFLICTS_TEXT_H_
