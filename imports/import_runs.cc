#include "imports/import_runs.h"

#include "core/closest_word.h"
#include "core/error.h"
#include "core/hash.h"
#include "io/atomic_file.h"

namespace isoflop {
namespace {

// What a file is that holds no text, by its first bytes.
void refuse_packed_files(const ImportSource& source) {
  const auto begins = [&](std::string_view magic) { return source.bytes.starts_with(magic); };
  const std::string what =
      begins("\x1F\x8B")     ? "is compressed: unpack it first, gunzip -k " + source.path
      : begins("PK\x03\x04") ? "is a zip archive or a spreadsheet: unzip it, or save it as CSV"
      : begins("\x28\xB5\x2F\xFD") ? "is compressed: unpack it first, zstd -d " + source.path
      : begins("PAR1")             ? "is Parquet: write it as CSV or JSON Lines first"
      : begins("\xFF\xFE") || begins("\xFE\xFF") ? "is UTF-16 text: save it as UTF-8"
                                                 : "";
  if (!what.empty()) throw usage_error(source.path + ": " + what);
}

}  // namespace

const ImportFormat& format_of(const ImportSource& source, const ImportOptions& options) {
  refuse_packed_files(source);
  std::vector<std::string> names;
  for (const ImportFormat& format : import_formats()) {
    names.emplace_back(format.name);
    if (options.format.empty() ? format.recognises(source) : format.name == options.format) {
      return format;
    }
  }
  if (options.format.empty()) {
    throw usage_error(source.path +
                      ": no known format of runs: see isoflop import --help for the formats, and "
                      "name one with --format");
  }
  const std::string near = closest_word(options.format, names);
  throw usage_error("--format " + options.format + ": there is no such format: " +
                    (near.empty() ? "see isoflop import --help" : "did you mean " + near + "?"));
}

RunImport import_bytes(const ImportSource& source, const ImportOptions& options) {
  const ImportFormat& format = format_of(source, options);
  RunImport read = format.read(source, options);
  read.format = format.name;
  read.path = source.path;
  return read;
}

RunImport import_file(const std::string& path, const ImportOptions& options) {
  const std::string bytes = read_whole_file(path);
  RunImport read = import_bytes({.path = path, .bytes = bytes}, options);
  read.sha256 = sha256(bytes);
  return read;
}

}  // namespace isoflop
