#include "app/output.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <unistd.h>

#include "app/progress.h"
#include "core/error.h"
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

Json table_rows(const TextTable& table) {
  Json rows = Json::array();
  for (const auto& row : table.rows) {
    Json object = Json::object();
    for (size_t c = 0; c < row.size(); ++c) {
      if (!row[c].empty()) object[table.columns[c]] = cell_json(row[c]);
    }
    rows.push_back(std::move(object));
  }
  return rows;
}

std::string table_lines(const TextTable& table) {
  std::string text;
  for (const Json& row : table_rows(table)) text += row.dump() + "\n";
  return text;
}

// The word before the first colon in yellow or red, where a terminal shows it.
std::string coloured(const std::string& line) {
  static constexpr std::pair<const char*, const char*> kWords[] = {
      {"warning:", "33"}, {"note:", "33"}, {"isoflop:", "31"}};
  for (const auto& [word, colour] : kWords) {
    if (!line.starts_with(word) || !wants_colour(STDERR_FILENO)) continue;
    return "\033[" + std::string(colour) + "m" + word + "\033[0m" +
           line.substr(std::string_view(word).size());
  }
  return line;
}

}  // namespace

void add_format_flags(CLI::App* command, OutputFormat& format) {
  auto* json = command->add_flag("--json", format.json, "Print JSON");
  auto* csv = command->add_flag("--csv", format.csv, "Print CSV");
  auto* markdown = command->add_flag("--md", format.markdown, "Print Markdown");
  json->excludes(csv)->excludes(markdown);
  csv->excludes(markdown);
}

void add_print_flags(CLI::App* command, OutputFormat& format) {
  auto* json = command->add_flag("--json", format.json, "Print JSON");
  auto* markdown = command->add_flag("--md", format.markdown, "Print Markdown");
  auto* print = command->add_option_function<std::string>(
      "--print",
      [&format](const std::string& word) {
        format.json = word == "json";
        format.csv = word == "csv";
        format.markdown = word == "md";
      },
      "Print that; --csv is a table to read here");
  print->check(CLI::IsMember({"json", "csv", "md"}));
  json->excludes(markdown)->excludes(print);
  markdown->excludes(print);
}

void add_table_flags(CLI::App* command, OutputFormat& format) {
  add_format_flags(command, format);
  auto* lines = command->add_flag("--jsonl", format.jsonl, "Print JSON Lines: an object a row");
  for (const char* other : {"--json", "--csv", "--md"}) {
    lines->excludes(command->get_option(other));
  }
}

std::string table_text(const TextTable& table, const OutputFormat& format) {
  if (format.json) return json_text(table_rows(table));
  if (format.jsonl) return table_lines(table);
  if (format.csv) return csv_text({.columns = table.columns, .rows = table.rows});
  return format.markdown ? markdown_text(table) : aligned_text(table);
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.empty() && text.back() != '\n') std::fputc('\n', stdout);
}

void print_headed(const std::string& text) {
  if (!wants_colour(STDOUT_FILENO)) return print(text);
  const auto line = std::min(text.find('\n'), text.size());
  print("\033[1m" + text.substr(0, line) + "\033[0m" + text.substr(line));
}

bool wants_colour(int file) {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? std::string(value) : std::string();
  };
  if (!set("NO_COLOR").empty()) return false;
  const std::string force = set("CLICOLOR_FORCE");
  if (!force.empty() && force != "0") return true;
  return set("TERM") != "dumb" && set("CLICOLOR") != "0" && isatty(file) == 1;
}

bool has_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string words(value);
    for (char& c : words) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return words.find("utf-8") != std::string::npos || words.find("utf8") != std::string::npos;
  }
  return false;
}

void finish_output() {
  errno = 0;
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (!failed || errno == EPIPE) return;
  throw failure("stdout: what was printed could not be written: " +
                std::string(errno == 0 ? "an earlier write failed" : std::strerror(errno)) +
                "; make room on that disk, or print elsewhere, and run the same command again");
}

void say(const std::string& line) {
  clear_progress_line();
  std::fprintf(stderr, "%s\n", coloured(line).c_str());
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
