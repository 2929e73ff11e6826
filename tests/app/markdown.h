// What a Markdown file asks its reader to type, and what it quotes: fenced and indented code, and
// code within a line. Enough for this project's documents; no Markdown library.
#ifndef ISOFLOP_TESTS_APP_MARKDOWN_H_
#define ISOFLOP_TESTS_APP_MARKDOWN_H_

#include <sstream>
#include <string>
#include <vector>

namespace isoflop {

struct CodeBlock {
  std::string kind;  // what stands behind the fence: sh, text, python, ...; "indented" without one
  int line = 0;      // of its first line, from 1
  std::vector<std::string> lines;
};

inline std::string trimmed(const std::string& text) {
  const size_t from = text.find_first_not_of(' ');
  if (from == std::string::npos) return "";
  return text.substr(from, text.find_last_not_of(' ') - from + 1);
}

// Indented code follows an empty line, as CommonMark has it; what continues a list's item does not.
inline std::vector<CodeBlock> code_blocks(const std::string& markdown) {
  std::vector<CodeBlock> blocks;
  std::istringstream in(markdown);
  bool fenced = false, indented = false, after_empty = true;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.rfind("```", 0) == 0) {
      fenced = !fenced;
      indented = false;
      if (fenced) blocks.push_back({trimmed(line.substr(3)), number + 1, {}});
    } else if (fenced) {
      blocks.back().lines.push_back(line);
    } else if (line.rfind("    ", 0) == 0 && (indented || after_empty)) {
      if (!indented) blocks.push_back({"indented", number, {}});
      indented = true;
      blocks.back().lines.push_back(line.substr(4));
    } else {
      indented = false;
    }
    after_empty = trimmed(line).empty();
  }
  return blocks;
}

// `code` within lines, outside of blocks. A span that is broken over two lines is joined by a
// space.
inline std::vector<std::string> code_spans(const std::string& markdown) {
  std::string prose;
  std::istringstream in(markdown);
  bool fenced = false;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("```", 0) == 0) {
      fenced = !fenced;
    } else if (!fenced && line.rfind("    ", 0) != 0) {
      prose += line + ' ';
      if (trimmed(line).empty() || line[0] == '|') prose += "\n";
    }
  }
  std::vector<std::string> spans;
  std::istringstream paragraphs(prose);
  for (std::string paragraph; std::getline(paragraphs, paragraph);) {
    for (size_t at = 0; (at = paragraph.find('`', at)) != std::string::npos;) {
      const size_t end = paragraph.find('`', at + 1);
      if (end == std::string::npos) break;
      spans.push_back(paragraph.substr(at + 1, end - at - 1));
      at = end + 1;
    }
  }
  return spans;
}

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_APP_MARKDOWN_H_
