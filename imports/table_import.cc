#include "imports/table_import.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/params_counted.h"
#include "core/units.h"
#include "imports/run_rows.h"
#include "io/column_names.h"

namespace isoflop {
namespace {

constexpr double kSaidRatio = 0.02;  // C / 6ND further from 1 than this is worth a word

// Reads the rows of one table.
class TableReader {
 public:
  TableReader(const SourceTable& source, const TableSpec& spec, const ImportOptions& options)
      : source_(source),
        spec_(spec),
        options_(options),
        fields_(find_fields(source, options.map, spec.map, spec.usual_names)) {
    if (!spec.step.empty()) fields_.step = source.column(spec.step);
  }

  RunImport read() {
    check_fields();
    RunImport out{.convention = convention(),
                  .loss_unit = loss_unit(),
                  .fields = fields_.sources,
                  .notes = spec_.notes};
    out.notes.insert(out.notes.end(), fields_.notes.begin(), fields_.notes.end());
    find_name_columns();
    std::vector<RunRow> rows;
    for (std::size_t i = 0; i < source_.table.rows.size(); ++i) {
      const std::string why = why_dropped(i);
      if (why.empty()) {
        rows.push_back(row_of(i));
      } else {
        out.dropped.push_back({.line = source_.table.line_of_row[i], .why = why});
      }
    }
    const std::size_t read = rows.size();
    out.runs = runs_of_rows(std::move(rows), spec_.has_curves, source_.path);
    drop_runs(out);
    say_what_was_done(read, out);
    return out;
  }

 private:
  bool convention_is_named() const { return options_.convention_named || spec_.own.has_value(); }
  FlopConvention convention() const {
    return options_.convention_named ? options_.convention
                                     : spec_.own.value_or(FlopConvention::k6nd);
  }
  std::string loss_unit() const {
    if (!spec_.loss_unit.empty()) return spec_.loss_unit;
    if (fields_.loss_unit != kNatsPerToken) return fields_.loss_unit;  // by its column's name
    const std::string said = loss_unit_in(source_.table, source_.path);
    return said.empty() ? fields_.loss_unit : said;
  }
  bool may_derive() const { return convention_is_named() && convention() == FlopConvention::k6nd; }

  std::string why_dropped(std::size_t row) const {
    if (spec_.drops_without_loss) {
      const std::string loss = source_.row(row).label(fields_.loss);
      const std::string column(trimmed_cell(source_.table.columns[*fields_.loss]));
      if (loss.empty()) return column + " is empty";
      const std::string word = plain_name(loss);
      if (word == "nan" || word.find("inf") == 0) return column + " is " + loss + ": it diverged";
    }
    return spec_.why_dropped == nullptr ? "" : spec_.why_dropped(source_, row);
  }
  void drop_runs(RunImport& out) const {
    if (spec_.why_run_dropped == nullptr) return;
    std::erase_if(out.runs, [&](const ImportedRun& run) {
      const auto last = static_cast<std::size_t>(run.observation.row);
      const std::string why = spec_.why_run_dropped(source_, last);
      if (!why.empty()) {
        out.dropped.push_back({.line = source_.table.line_of_row[last], .why = why});
      }
      return !why.empty();
    });
  }

  [[noreturn]] void missing(const std::string& what, const std::string& example) const {
    throw usage_error(source_.path + ":1: no column holds " + what +
                      " (columns: " + joined_names(source_.table.columns) + "): " + example);
  }

  void check_fields() {
    const bool params = fields_.params || options_.params;
    if (!fields_.loss) missing("losses", "name it, e.g. --map loss=L");
    if (!params && !fields_.tokens && !fields_.flops) {
      missing("parameters, tokens or FLOPs", "name two, e.g. --map params=N,tokens=D");
    }
    const int known = params + fields_.tokens.has_value() + fields_.flops.has_value();
    const std::string field = !params ? "params" : !fields_.tokens ? "tokens" : "flops";
    const std::string what = !params ? "parameters" : !fields_.tokens ? "tokens" : "FLOPs";
    if (known < 2) {
      missing(!params ? "parameters" : "tokens or FLOPs",
              !params ? "name it, e.g. --map params=N" : "name it, e.g. --map tokens=D or flops=C");
    }
    if (!fields_.params && options_.params) say_source("params", "--params");
    if (known == 3) return;
    if (!may_derive()) missing(what + why_not_derived(field), what_to_give(field));
    say_source(field, formula_of(field));
  }
  void say_source(const std::string& field, const std::string& how) {
    fields_.sources.push_back({.field = field, .column = "", .how = how});
  }
  std::string why_not_derived(const std::string& field) const {
    if (!convention_is_named()) {
      return ", which follow from the others only under a convention that is named";
    }
    return ", and under " + std::string(name_of(convention())) +
           " they do not follow from the others without model shapes" +
           (field == "flops" ? "" : " either");
  }
  std::string what_to_give(const std::string& field) const {
    const char* column = field == "params"   ? "params=N"
                         : field == "tokens" ? "tokens=D"
                                             : "flops=C";
    return std::string("give --convention 6nd for C = 6 N D, or name the column, e.g. --map ") +
           column;
  }
  static std::string formula_of(const std::string& field) {
    if (field == "params") return "params = flops / (6 tokens) [6nd]";
    if (field == "tokens") return "tokens = flops / (6 params) [6nd]";
    return "flops = 6 params tokens [6nd]";
  }

  // An empty cell of N, D or C is one that is missing, where it may be derived.
  std::optional<double> maybe_derived(const TableRow& row,
                                      std::optional<std::size_t> column) const {
    if (!column) return std::nullopt;
    if (may_derive() && row.text(*column).empty()) return std::nullopt;
    return row.positive(*column);
  }

  void fill_in_size(const TableRow& row, ImportedRun& run) const {
    const auto params = fields_.params ? maybe_derived(row, fields_.params) : options_.params;
    const auto tokens = maybe_derived(row, fields_.tokens);
    const auto flops = maybe_derived(row, fields_.flops);
    Observation& o = run.observation;
    if (params.has_value() + tokens.has_value() + flops.has_value() < 2) {
      const auto empty = !params ? fields_.params : !tokens ? fields_.tokens : fields_.flops;
      row.fail(empty.value_or(*fields_.loss),
               "leaves two of parameters, tokens and FLOPs unknown: fill one in or remove the row");
    }
    o.params = params ? *params : *flops / (6 * *tokens);
    // 6 N D of a sparse model is that of what a token passes through.
    const auto said = o.extra.find("active_params");
    const bool says = said != o.extra.end() && said->second > 0;
    const double passed = says ? said->second : o.params;
    o.tokens = tokens ? *tokens : *flops / (6 * passed);
    o.flops = flops ? *flops : 6 * passed * *tokens;
    if (params && tokens && flops) return;
    run.derived = formula_of(!params ? "params" : !tokens ? "tokens" : "flops");
    for (const double value : {o.params, o.tokens, o.flops}) {
      if (!std::isfinite(value) || value <= 0) {
        row.fail(*fields_.loss, "stands beside numbers for which " + run.derived +
                                    " is beyond what a number can hold");
      }
    }
  }

  RunRow row_of(std::size_t index) const {
    const TableRow row = source_.row(index);
    RunRow out;
    ImportedRun& run = out.run;
    Observation& o = run.observation;
    for (const auto& [name, column] : fields_.extra) {
      if (const auto value = row.maybe_number(column)) o.extra[name] = *value;
    }
    fill_in_size(row, run);
    o.loss = row.positive(*fields_.loss);
    o.loss_error = row.maybe_number(fields_.loss_error).value_or(0);
    o.budget = row.maybe_number(fields_.budget);
    o.seed = row.whole(fields_.seed);
    o.trial = row.label(fields_.trial);
    o.run = row.label(fields_.run);
    o.row = static_cast<std::int64_t>(index);
    run.line = row.line();
    run.provenance = source_.provenance(index);
    out.name = name_of_run(row);
    if (o.trial.empty() && !spec_.id.empty()) o.trial = out.name;
    if (o.trial.empty()) o.trial = row.label(fields_.label);
    fill_in_point(row, out);
    if (spec_.finish != nullptr) spec_.finish(source_, index, run);
    return out;
  }

  void fill_in_point(const TableRow& row, RunRow& out) const {
    const Observation& o = out.run.observation;
    if (has_steps_) out.step = row.maybe_number(fields_.step);
    const bool training = is_training_loss(source_.table.columns[*fields_.loss]);
    out.point = {.step = static_cast<std::int64_t>(std::min(out.step.value_or(0), 9e15)),
                 .tokens = o.tokens,
                 .train_loss = training ? o.loss : tolerant(row, fields_.train_loss),
                 .heldout_loss = training ? std::nullopt : std::optional(o.loss),
                 .rate = tolerant(row, fields_.rate),
                 .grad_norm = tolerant(row, fields_.grad_norm),
                 .seconds = tolerant(row, fields_.seconds)};
  }
  // What a curve may lack.
  static std::optional<double> tolerant(const TableRow& row, std::optional<std::size_t> column) {
    return column ? try_parse_quantity(row.text(*column)) : std::nullopt;
  }

  std::string name_of_run(const TableRow& row) const {
    std::string out;
    bool any = false;
    for (const std::size_t column : name_columns_) {
      out += (out.empty() ? "" : "/") + std::string(row.text(column));
      any = any || !row.text(column).empty();
    }
    return any ? out : "";
  }

  bool tells_rows_apart(std::size_t column) const {
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < source_.table.rows.size(); ++i) {
      const std::string_view text = source_.row(i).text(column);
      if (text.empty() || !seen.insert(text).second) return false;
    }
    return true;
  }

  void find_name_columns() {
    for (const std::string& name : spec_.id) {
      if (const auto column = source_.column(name)) name_columns_.push_back(*column);
    }
    if (fields_.trial) {
      // Rows with labels of their own are runs of their own; `run` says which share their noise.
      name_columns_ = {*fields_.trial};
    } else if (name_columns_.empty() && fields_.run) {
      name_columns_ = {*fields_.run};
    } else if (name_columns_.empty() && fields_.label && tells_rows_apart(*fields_.label)) {
      name_columns_ = {*fields_.label};
    }
    has_steps_ = fields_.step.has_value() && !name_columns_.empty();
  }

  void say_what_was_done(std::size_t rows, RunImport& out) const {
    if (std::any_of(out.runs.begin(), out.runs.end(),
                    [](const ImportedRun& run) { return !run.points.empty(); })) {
      out.notes.push_back(
          std::to_string(rows) + " rows are " + std::to_string(out.runs.size()) +
          " runs: rows of one run are its curve, and its last row is what is fitted");
    }
    say_repeats(out);
    if (fields_.params && fields_.tokens && fields_.flops) say_ratio(out);
  }
  static void say_repeats(RunImport& out) {
    const auto repeats =
        std::count_if(out.runs.begin(), out.runs.end(), [](const ImportedRun& run) {
          return run.source_id.starts_with("params=") &&
                 run.source_id.find(" #") != std::string::npos;
        });
    if (repeats == 0) return;
    out.notes.push_back(std::to_string(repeats) +
                        " rows have the coordinates of another row and are kept as repeats: a "
                        "column that names the runs tells them apart, e.g. --map trial=...");
  }
  // C is the table's own: how it compares with 6 N D shows by which convention.
  void say_ratio(RunImport& out) const {
    std::vector<double> ratios;
    for (const ImportedRun& run : out.runs) {
      const Observation& o = run.observation;
      const double passed = counted_params(o, ParamsCounted::kActive).value_or(o.params);
      if (run.derived.empty()) ratios.push_back(o.flops / (6 * passed * o.tokens));
    }
    if (ratios.empty()) return;
    const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
    if (options_.convention_named && options_.convention != FlopConvention::k6nd) return;
    if (*low > 1 - kSaidRatio && *high < 1 + kSaidRatio) return;
    out.notes.push_back("C is " + format_quantity(*low) + " to " + format_quantity(*high) +
                        " times 6 N D: it is not counted as 6nd; name its convention by "
                        "--convention, or another column");
  }

  const SourceTable& source_;
  const TableSpec& spec_;
  const ImportOptions& options_;
  TableFields fields_;
  std::vector<std::size_t> name_columns_;
  bool has_steps_ = false;
};

}  // namespace

RunImport import_table(const SourceTable& source, const TableSpec& spec,
                       const ImportOptions& options) {
  return TableReader(source, spec, options).read();
}

RunImport import_table(const ImportSource& source, const TableSpec& spec,
                       const ImportOptions& options) {
  return import_table(read_source_table(source), spec, options);
}

}  // namespace isoflop
