#include "app/tensorboard_export.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include "core/error.h"
#include "core/hash.h"
#include "core/units.h"
#include "imports/tensorboard_events.h"

namespace isoflop {
namespace {

using TaggedNumbers = std::vector<std::pair<std::string, double>>;

// One name for ever, so that writing again replaces the file.
constexpr const char* kEventFile = "events.out.tfevents.1.isoflop";

std::string event_path(const std::string& folder, const std::string& run) {
  const std::filesystem::path of_run = std::filesystem::path(folder) / run;
  std::error_code error;
  std::filesystem::create_directories(of_run, error);
  if (error) {
    throw failure(of_run.string() + ": cannot be made: " + error.message() +
                  "; name another folder with --tensorboard");
  }
  return (of_run / kEventFile).string();
}

std::string run_folder_of(const TrialRow& row) {
  return "N" + format_quantity(row.params) + "_D" + format_quantity(row.tokens) + "_rate" +
         exact_number(row.trial.train.rate) + "_seed" + std::to_string(row.trial.seed) + "_" +
         row.identity.substr(0, 12);
}

// Whatever the source calls its run, as the name of a folder that no other run has.
std::string run_folder_of(const RunImport& import, const ImportedRun& run) {
  std::string name;
  for (const char c : run.observation.trial.substr(0, 80)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    name += plain ? c : '_';
  }
  return name + "_" + sha256(import.path + "\n" + run.source_id).substr(0, 8);
}

void add_number(TaggedNumbers& numbers, const char* tag, const std::optional<double>& value) {
  if (value) numbers.emplace_back(tag, *value);
}

void write_trial(const std::vector<CurvePoint>& curve, const TrialRow& row, double created,
                 const std::string& folder) {
  TensorBoardWriter writer(event_path(folder, run_folder_of(row)), created);
  writer.add_hparams({{"params", row.params},
                      {"active_params", row.active_params},
                      {"tokens", row.tokens},
                      {"epochs", row.trial.data.epochs},
                      {"rate", row.trial.train.rate},
                      {"batch", static_cast<double>(row.trial.train.batch)},
                      {"seed", static_cast<double>(row.trial.seed)},
                      {"trial", row.identity.substr(0, 12)},
                      {"state", row.state}});
  for (const CurvePoint& point : curve) {
    TaggedNumbers numbers{{"train/loss", point.train_loss},
                          {"rate", point.rate},
                          {"grad_norm", point.grad_norm},
                          {"tokens", point.tokens}};
    add_number(numbers, "heldout/loss", point.heldout_loss);
    for (const auto& field : kRouterStatsFields) {
      if (!point.router) break;
      numbers.emplace_back("router/" + std::string(field.name), (*point.router).*field.value);
    }
    if (&point == &curve.back()) add_number(numbers, "result/loss", row.loss);
    writer.add_scalars(point.step, created + point.seconds, numbers);
  }
  writer.save();
}

void write_imported(const RunImport& import, const ImportedRun& run, const std::string& folder) {
  const Observation& seen = run.observation;
  TensorBoardWriter writer(event_path(folder, run_folder_of(import, run)), 0);
  writer.add_hparams({{"params", seen.params},
                      {"tokens", seen.tokens},
                      {"seed", static_cast<double>(seen.seed)},
                      {"run", seen.trial},
                      {"source", import.path}});
  for (const ImportedPoint& point : run.points) {
    TaggedNumbers numbers;
    add_number(numbers, "train/loss", point.train_loss);
    add_number(numbers, "heldout/loss", point.heldout_loss);
    add_number(numbers, "rate", point.rate);
    add_number(numbers, "grad_norm", point.grad_norm);
    if (point.tokens > 0) numbers.emplace_back("tokens", point.tokens);
    writer.add_scalars(point.step, point.seconds.value_or(0), numbers);
  }
  writer.save();
}

double created_of(const Store& store, const std::string& study) {
  for (const StudyRow& row : store.studies()) {
    if (row.name == study) return row.created;
  }
  return 0;
}

}  // namespace

std::int64_t write_tensorboard(const Store& store, const std::string& study,
                               std::span<const TrialRow> rows, const std::string& folder) {
  const double created = created_of(store, study);
  std::int64_t written = 0;
  for (const TrialRow& row : rows) {
    const std::vector<CurvePoint> curve = store.curve(row.id);
    if (curve.empty()) continue;
    write_trial(curve, row, created, folder);
    ++written;
  }
  return written;
}

std::int64_t write_tensorboard(std::span<const RunImport> imports, const std::string& folder) {
  std::int64_t written = 0;
  for (const RunImport& import : imports) {
    for (const ImportedRun& run : import.runs) {
      if (run.points.empty()) continue;
      write_imported(import, run, folder);
      ++written;
    }
  }
  return written;
}

}  // namespace isoflop
