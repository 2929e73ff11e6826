#include "imports/table_fields.h"

#include <algorithm>

#include "core/error.h"
#include "core/loss_unit.h"
#include "io/column_names.h"

namespace isoflop {
namespace {

using Names = std::vector<std::string_view>;

// Beyond those of io/column_names.h, by plain_name; a list is looked at when the one before it
// found nothing.
const std::map<std::string_view, std::vector<Names>>& further_names() {
  static const std::map<std::string_view, std::vector<Names>> names = {
      {"params",
       {{"num_params", "n_parameters", "num_parameters", "param_count", "params_count",
         "parameter_count", "params_total", "total_params", "total_parameters", "num_total_params",
         "total_parameter_count", "model_params", "model_parameters", "nparams",
         "n_params_total"}}},
      {"tokens",
       {{"num_tokens", "n_tokens", "token_num", "token_count", "tokens_trained", "train_tokens",
         "total_tokens", "tokens_seen", "tokens_total", "trained_tokens", "dataset_tokens",
         "training_data_tokens", "num_train_tokens", "consumed_tokens", "num_input_tokens_seen",
         "data_tokens"},
        {"dataset_size", "data_size"}}},
      {"flops",
       {{"total_flops", "train_flops", "training_flops", "flops_total", "num_flops",
         "total_compute", "training_compute", "train_compute", "compute_flops", "flops_6nd",
         "total_flos", "achieved_flops"}}},
      {"loss",
       {{"final_loss", "final_val_loss", "validation_loss", "valid_loss", "eval_loss", "test_loss",
         "loss_validation", "loss_val", "loss_heldout", "held_out_loss", "dev_loss",
         "final_eval_loss", "final_validation_loss", "nll", "cross_entropy", "ce_loss"},
        {"train_loss", "training_loss", "final_train_loss", "loss_train"},
        {"val_bpb", "bpb", "bits_per_byte", "eval_bpb", "final_bpb"}}},
      {"loss_error", {{"loss_stderr", "loss_sem", "se_loss", "standard_error", "loss_err"}}},
      {"budget",
       {{"compute_budget", "flops_budget", "budget_flops", "flop_budget", "isoflop_budget"}}},
      {"seed", {{"random_seed", "rng_seed", "train_seed"}}},
  };
  return names;
}

const Names kSteps = {"step",          "global_step", "iteration",          "iter",
                      "training_step", "train_step",  "trainer_global_step"};
const Names kTrainLosses = {"train_loss", "training_loss", "loss_train"};
const Names kRates = {"lr", "learning_rate", "train_learning_rate", "train_lr"};
const Names kNorms = {"grad_norm", "train_grad_norm"};
const Names kSeconds = {"runtime", "seconds", "elapsed_seconds"};
const Names kRuns = {"run", "run_id", "run_name"};
const Names kLabels = {"run_name",        "name",       "label",
                       "experiment_name", "model_name", "trial_id",
                       "experiment_id",   "model",      "id"};

std::string column_name(const SourceTable& source, std::size_t column) {
  return std::string(trimmed_cell(source.table.columns[column]));
}

// Fills in TableFields, field by field.
class FieldSearch {
 public:
  FieldSearch(const SourceTable& source, const ColumnMap& users, const ColumnMap& formats,
              bool usual)
      : source_(source), users_(users), formats_(formats), usual_(usual) {
    for (const std::string& column : source.table.columns) {
      plain_names_.push_back(plain_name(column));
    }
    for (const ColumnField& field : column_fields()) {
      for (const ColumnMap* map : {&users, &formats}) taken_.push_back(column_of(*map, field));
    }
  }

  std::optional<std::size_t> find(const std::string& name) {
    const auto& fields = column_fields();
    const ColumnField& field =
        *std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.name == name; });
    if (const auto named = find_named(field, users_)) return said(name, named, "--map");
    if (const auto named = find_named(field, formats_)) return said(name, named, "by the format");
    if (!usual_) return std::nullopt;
    if (name == "run") return said(name, find_first(kRuns), "by its usual name");
    Names usual;
    for (const std::string_view word : field.usual) usual.push_back(word);
    if (const auto found = find_one_of(name, usual)) return said(name, found, "by its usual name");
    const auto further = further_names().find(name);
    if (further == further_names().end()) return std::nullopt;
    for (const Names& names : further->second) {
      if (const auto found = find_one_of(name, names)) {
        return said(name, found, "by its usual name");
      }
    }
    return std::nullopt;
  }

  std::optional<std::size_t> find_first(const Names& names) const {
    for (const std::string_view name : names) {
      for (std::size_t i = 0; i < plain_names_.size(); ++i) {
        if (plain_names_[i] == name && !is_taken(i)) return i;
      }
    }
    return std::nullopt;
  }

  std::vector<FieldSource> sources;

 private:
  std::optional<std::size_t> find_named(const ColumnField& field, const ColumnMap& map) const {
    if (column_of(map, field).empty()) return std::nullopt;
    return find_column(source_.table, source_.path, field, map);
  }
  bool is_taken(std::size_t column) const {
    return std::count(taken_.begin(), taken_.end(), column_name(source_, column)) > 0;
  }
  // Throws when there are several.
  std::optional<std::size_t> find_one_of(const std::string& field, const Names& names) const {
    std::vector<std::string> plain, found;
    for (const std::string_view name : names) plain.push_back(plain_name(name));
    std::size_t index = 0;
    for (std::size_t i = 0; i < plain_names_.size(); ++i) {
      const bool usual = std::count(plain.begin(), plain.end(), plain_names_[i]) > 0;
      if (!usual || is_taken(i)) continue;
      found.push_back(column_name(source_, i));
      index = i;
    }
    if (found.empty()) return std::nullopt;
    if (found.size() == 1) return index;
    throw usage_error(source_.path + ":1: " + field + ": could be any of " + joined_names(found) +
                      ": say which, e.g. --map " + field + "=" + found.front());
  }
  std::optional<std::size_t> said(const std::string& field, std::optional<std::size_t> column,
                                  const char* how) {
    if (column)
      sources.push_back({.field = field, .column = column_name(source_, *column), .how = how});
    return column;
  }

  const SourceTable& source_;
  const ColumnMap& users_;
  const ColumnMap& formats_;
  bool usual_;
  std::vector<std::string> plain_names_;
  std::vector<std::string> taken_;  // by --map or the format
};

void check_one_loss(const SourceTable& source, const ColumnMap& map) {
  if (map.more_losses.empty()) return;
  throw usage_error(source.path + ": --map names several losses (" + map.loss + ", " +
                    joined_names(map.more_losses) +
                    "): one import has one: give one, e.g. --map loss=" + map.loss +
                    ", and import the others into studies of their own");
}

void say_what_loss_it_is(const SourceTable& source, TableFields& fields) {
  if (!fields.loss) return;
  const std::string column = column_name(source, *fields.loss);
  if (is_training_loss(column)) {
    fields.notes.push_back("the loss is the training loss (" + column +
                           "): held-out losses are better, name one by --map loss=...");
  }
  if (is_bits_per_byte(column)) fields.loss_unit = kBitsPerByte;
}

}  // namespace

TableFields find_fields(const SourceTable& source, const ColumnMap& users, const ColumnMap& formats,
                        bool usual) {
  check_one_loss(source, users);
  FieldSearch search(source, users, formats, usual);
  TableFields out;
  out.params = search.find("params");
  out.tokens = search.find("tokens");
  out.flops = search.find("flops");
  out.loss = search.find("loss");
  out.loss_error = search.find("loss_error");
  out.budget = search.find("budget");
  out.seed = search.find("seed");
  out.trial = search.find("trial");
  out.run = search.find("run");
  for (const std::string_view name : kExtraCoordinates) {
    if (const auto column = search.find(std::string(name))) out.extra[std::string(name)] = *column;
  }
  out.step = search.find_first(kSteps);
  out.train_loss = search.find_first(kTrainLosses);
  if (out.train_loss == out.loss) out.train_loss.reset();
  out.rate = search.find_first(kRates);
  out.grad_norm = search.find_first(kNorms);
  out.seconds = search.find_first(kSeconds);
  if (usual) out.label = search.find_first(kLabels);
  out.sources = std::move(search.sources);
  say_what_loss_it_is(source, out);
  return out;
}

std::string plain_name(std::string_view column) {
  column = trimmed_cell(column);
  while (column.starts_with('_')) column.remove_prefix(1);
  std::string out;
  for (const char c : column) {
    const bool sign = c == ' ' || c == '-' || c == '.' || c == '/' || c == '_';
    out += sign ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::optional<std::size_t> first_column(const SourceTable& source,
                                        const std::vector<std::string_view>& names) {
  return FieldSearch(source, {}, {}, true).find_first(names);
}

bool is_training_loss(std::string_view column) {
  const std::string name = plain_name(column);
  return name.find("train") != name.npos && name.find("loss") != name.npos;
}

bool is_bits_per_byte(std::string_view column) {
  const std::string name = plain_name(column);
  return name.find("bpb") != name.npos || name.find("bits_per_byte") != name.npos;
}

}  // namespace isoflop
