// Which column of a table holds what, and how we know.
//
// A field is the column that --map names, or else the one that the format has for it, or else (in
// tables of no format) the one with a usual name: those of io/column_names.h, and further ones
// ("num_params", "total_tokens", "val/loss", "final_loss", "val_bpb", ...), case and the signs
// - . / _ and blanks ignored. Held-out losses go before training losses, which go into the notes.
//
// Errors: Error(kUsage) when a named column is not there, when several usual names are, or when
// two losses are named: one import has one loss.
#ifndef ISOFLOP_IMPORTS_TABLE_FIELDS_H_
#define ISOFLOP_IMPORTS_TABLE_FIELDS_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/imported_run.h"
#include "core/loss_unit.h"
#include "imports/source_table.h"
#include "io/observations_csv.h"

namespace isoflop {

struct TableFields {
  std::optional<std::size_t> params, tokens, flops, loss, loss_error, budget, seed, trial, run;
  std::map<std::string, std::size_t> extra;
  // Of a run's rows.
  std::optional<std::size_t> step, train_loss, rate, grad_norm, seconds;
  // A column that may name the runs, when it turns out to tell them apart.
  std::optional<std::size_t> label;

  std::vector<FieldSource> sources;
  std::vector<std::string> notes;
  std::string loss_unit = kNatsPerToken;
};

// `users` goes before `formats`; `usual`: whether usual names count.
TableFields find_fields(const SourceTable& source, const ColumnMap& users, const ColumnMap& formats,
                        bool usual);

// "Val/Loss" and "val loss" as "val_loss".
std::string plain_name(std::string_view column);

// The one column whose plain name is one of these, the earlier names first.
std::optional<std::size_t> first_column(const SourceTable& source,
                                        const std::vector<std::string_view>& names);

// Whether a loss of that name is a training loss; whether it is counted in bits a byte.
bool is_training_loss(std::string_view column);
bool is_bits_per_byte(std::string_view column);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_TABLE_FIELDS_H_
