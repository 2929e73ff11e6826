// Measured tables of the literature, where they are beside this checkout: none may be refused.
#ifndef ISOFLOP_TESTS_FIT_MEASURED_H_
#define ISOFLOP_TESTS_FIT_MEASURED_H_

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/observation.h"
#include "tests/fit/synthetic.h"

namespace isoflop {

inline const char* kMeasuredFolder = ISOFLOP_SOURCE_DIR "/../shared/data/";

// Cells of a simple CSV by column name; empty when the file is not there.
class MeasuredTable {
 public:
  explicit MeasuredTable(const std::string& path) {
    std::ifstream file(kMeasuredFolder + path);
    std::string line;
    if (!std::getline(file, line)) return;
    columns_ = split(line);
    while (std::getline(file, line)) rows_.push_back(split(line));
  }
  std::size_t size() const { return rows_.size(); }
  std::string text(std::size_t row, const std::string& column) const {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    return rows_.at(row).at(static_cast<std::size_t>(found - columns_.begin()));
  }
  double number(std::size_t row, const std::string& column) const {
    const std::string cell = text(row, column);
    return cell.empty() ? 0 : std::stod(cell);
  }

 private:
  static std::vector<std::string> split(std::string line) {
    if (line.ends_with('\r')) line.pop_back();
    std::stringstream cells(line);
    std::vector<std::string> out;
    for (std::string cell; std::getline(cells, cell, ',');) out.push_back(cell);
    if (line.ends_with(',')) out.emplace_back();
    return out;
  }
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

inline void add_measured(std::vector<Observation>& rows, double params, double tokens, double flops,
                         double loss, const std::string& run = "") {
  if (!(params > 0 && tokens > 0 && loss > 0)) return;
  Observation o{.params = params, .tokens = tokens, .flops = flops, .loss = loss};
  o.row = static_cast<std::int64_t>(rows.size());
  o.run = run;
  rows.push_back(o);
}

inline double number_after(const std::string& line, const std::string& key) {
  return std::stod(line.substr(line.find("\"" + key + "\":") + key.size() + 3));
}

// By name; empty when the files are not there.
inline std::map<std::string, std::vector<Observation>> measured_tables() {
  std::map<std::string, std::vector<Observation>> tables;
  if (extracted_points(0).empty()) return tables;
  tables["epoch 245"] = extracted_points(0);
  tables["epoch 240"] = extracted_points(5);
  const MeasuredTable porian(
      "formll_resolving-scaling-law-discrepancies/porian_isoflop_points.csv");
  for (std::size_t i = 0; i < porian.size(); ++i) {
    add_measured(tables["porian " + porian.text(i, "dataset") + " " + porian.text(i, "experiment")],
                 porian.number(i, "n"), porian.number(i, "tokens"), porian.number(i, "flops"),
                 porian.number(i, "loss"));
  }
  for (const std::string name : {"all", "fit182"}) {
    const MeasuredTable data("huggingface_datablations/datablations_c4_" + name + ".csv");
    for (std::size_t i = 0; i < data.size(); ++i) {
      const double n = data.number(i, "params_N");
      const double d = data.number(i, "tokens_D");
      add_measured(tables["datablations " + name], n, d, 6 * n * d, data.number(i, "val_loss"));
    }
  }
  const MeasuredTable olmo("allenai_OLMo-ladder/olmo_ladder_final_losses.csv");
  for (std::size_t i = 0; i < olmo.size(); ++i) {
    const double n = olmo.number(i, "N_nonembed");
    const double d = olmo.number(i, "D");
    add_measured(tables["olmo ladder"], n, d, 6 * n * d, olmo.number(i, "loss_c4_en"),
                 olmo.text(i, "run"));
  }
  std::ifstream gemstones(std::string(kMeasuredFolder) +
                          "mcleish7_gemstone-scaling-laws/wandb_df_for_fitting_hot.jsonl");
  for (std::string line; std::getline(gemstones, line);) {
    const double n = number_after(line, "params_active_precise");
    const double d = number_after(line, "tokens");
    add_measured(tables["gemstones"], n, d, 6 * n * d, number_after(line, "final_loss"));
  }
  return tables;
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_FIT_MEASURED_H_
