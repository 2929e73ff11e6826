// Measured losses for fits of other forms than Chinchilla's; empty where the files are not at hand.
#ifndef ISOFLOP_TESTS_FIT_FORM_DATA_H_
#define ISOFLOP_TESTS_FIT_FORM_DATA_H_

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/observation.h"

namespace isoflop {

using TableRow = std::map<std::string, std::string>;

inline std::vector<TableRow> measured_table(const std::string& path) {
  std::ifstream file(std::string(ISOFLOP_SOURCE_DIR "/../shared/data/") + path);
  const auto cells = [](std::string line) {
    if (line.ends_with('\r')) line.pop_back();
    std::stringstream stream(line);
    std::vector<std::string> out;
    for (std::string text; std::getline(stream, text, ',');) out.push_back(text);
    return out;
  };
  std::string line;
  std::getline(file, line);
  const std::vector<std::string> head = cells(line);
  std::vector<TableRow> rows;
  while (std::getline(file, line)) {
    const std::vector<std::string> values = cells(line);
    TableRow row;
    for (std::size_t k = 0; k < head.size() && k < values.size(); ++k) row[head[k]] = values[k];
    rows.push_back(row);
  }
  return rows;
}

// The 182 runs on C4 that Muennighoff et al. 2023 fitted.
inline std::vector<Observation> repeated_data_runs() {
  std::vector<Observation> runs;
  for (TableRow& row : measured_table("huggingface_datablations/datablations_c4_fit182.csv")) {
    Observation run{.params = std::stod(row["params_N"]),
                    .tokens = std::stod(row["tokens_D"]),
                    .loss = std::stod(row["val_loss"]),
                    .row = static_cast<std::int64_t>(runs.size())};
    run.extra["unique_tokens"] = std::stod(row["unique_tokens_U"]);
    runs.push_back(run);
  }
  return runs;
}

// The runs of Clark et al. 2022 with one kind of router, and the dense ones beside them.
inline std::vector<Observation> routed_runs(const std::string& router) {
  std::vector<Observation> runs;
  for (TableRow& row : measured_table(
           "google-deepmind_scaling_laws_for_routing/clark_final_step_rf0.5_k1_seed42.csv")) {
    if (row["router_type"] != router && row["router_type"] != "Dense") continue;
    Observation run{.params = std::stod(row["dense_parameter_count"]),
                    .tokens = 130e9,
                    .loss = std::stod(row["loss_validation"]),
                    .row = static_cast<std::int64_t>(runs.size())};
    run.extra["experts"] = std::stod(row["num_experts"]);
    runs.push_back(run);
  }
  return runs;
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_FIT_FORM_DATA_H_
