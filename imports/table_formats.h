// Formats that are tables: the published ones that are known by their header, and any other.
#ifndef ISOFLOP_IMPORTS_TABLE_FORMATS_H_
#define ISOFLOP_IMPORTS_TABLE_FORMATS_H_

#include <span>

#include "imports/import_runs.h"

namespace isoflop {

// Known by their columns; the ones with more columns of their own first.
std::span<const ImportFormat> named_table_formats();

// csv, tsv, json, jsonl: any table, by --map or usual column names.
std::span<const ImportFormat> generic_table_formats();

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_TABLE_FORMATS_H_
