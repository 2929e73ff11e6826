// Any table: fields by --map or by usual names.
#include <array>

#include "core/error.h"
#include "imports/source_table.h"
#include "imports/table_formats.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

RunImport read_any_table(const ImportSource& source, const ImportOptions& options) {
  return import_table(source, {.usual_names = true, .has_curves = true}, options);
}

bool is_separated_by_tabs(const ImportSource& source) {
  return table_kind(source.bytes) == TableKind::kSeparated && separator_of(source.bytes) == '\t';
}

constexpr std::array<ImportFormat, 4> kGenericTables = {
    {{.name = "jsonl",
      .about = "a JSON object a line; fields by --map or usual names",
      .recognises =
          [](const ImportSource& source) {
            return table_kind(source.bytes) == TableKind::kJsonLines;
          },
      .read = read_any_table},
     {.name = "json",
      .about = "an array of objects, an object that holds one, or one object",
      .recognises =
          [](const ImportSource& source) { return table_kind(source.bytes) == TableKind::kJson; },
      .read = read_any_table},
     {.name = "tsv",
      .about = "a table separated by tabs; fields by --map or usual names",
      .recognises = is_separated_by_tabs,
      .read = read_any_table},
     {.name = "csv",
      .about = "a table separated by commas, semicolons or bars; fields by --map or usual names",
      .recognises =
          [](const ImportSource& source) {
            return table_kind(source.bytes) == TableKind::kSeparated;
          },
      .read = read_any_table}}};

}  // namespace

std::span<const ImportFormat> generic_table_formats() { return kGenericTables; }

}  // namespace isoflop
