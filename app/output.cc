#include "app/output.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "app/progress.h"
#include "io/csv.h"
#include "io/json.h"

namespace isoflop {
namespace {

Json cell_json(const std::string& cell) {
  double value = 0;
  const char* end = cell.data() + cell.size();
  const auto result = std::from_chars(cell.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end || !std::isfinite(value)) return cell;
  if (value == std::floor(value) && std::abs(value) < 9e15) return static_cast<std::int64_t>(value);
  return value;
}

std::string table_json(const TextTable& table) {
  Json rows = Json::array();
  for (const auto& row : table.rows) {
    Json object = Json::object();
    for (size_t c = 0; c < row.size(); ++c) {
      if (!row[c].empty()) object[table.columns[c]] = cell_json(row[c]);
    }
    rows.push_back(std::move(object));
  }
  return json_text(rows);
}

}  // namespace

void add_format_flags(CLI::App* command, OutputFormat& format) {
  auto* json = command->add_flag("--json", format.json, "Print JSON");
  auto* csv = command->add_flag("--csv", format.csv, "Print CSV");
  auto* markdown = command->add_flag("--md", format.markdown, "Print Markdown");
  json->excludes(csv)->excludes(markdown);
  csv->excludes(markdown);
}

std::string table_text(const TextTable& table, const OutputFormat& format) {
  if (format.json) return table_json(table);
  if (format.csv) return csv_text({.columns = table.columns, .rows = table.rows});
  return format.markdown ? markdown_text(table) : aligned_text(table);
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.empty() && text.back() != '\n') std::fputc('\n', stdout);
}

void say(const std::string& line) {
  clear_progress_line();
  std::fprintf(stderr, "%s\n", line.c_str());
}

std::string shell_word_of(const std::string& word) {
  const char* const plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string own_command() {
  std::ifstream file("/proc/self/cmdline");
  std::string text = "isoflop";
  std::string word;
  std::getline(file, word, '\0');  // the program, wherever it lies
  while (std::getline(file, word, '\0')) text += " " + shell_word_of(word);
  return text;
}

}  // namespace isoflop
