// df.csv of the Python package chinchilla: C, N, D, loss. C = 6 N D there, with N and D rounded to
// whole numbers.
#include "imports/named_tables.h"
#include "imports/source_table.h"
#include "imports/table_import.h"

namespace isoflop {
namespace {

bool recognises_chinchilla_package(const ImportSource& source) {
  const std::vector<std::string> columns = source_columns(source);
  return columns.size() >= 4 && columns[0] == "C" && columns[1] == "N" && columns[2] == "D" &&
         columns[3] == "loss";
}

RunImport read_chinchilla_package(const ImportSource& source, const ImportOptions& options) {
  return import_table(source,
                      {.map = {.params = "N", .tokens = "D", .flops = "C", .loss = "loss"},
                       .usual_names = true,
                       .own = FlopConvention::k6nd},
                      options);
}

}  // namespace

ImportFormat chinchilla_package_format() {
  return {.name = "chinchilla-package",
          .about = "df.csv of the Python package chinchilla: C, N, D, loss",
          .recognises = recognises_chinchilla_package,
          .read = read_chinchilla_package};
}

}  // namespace isoflop
