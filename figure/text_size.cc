#include "figure/text_size.h"

#include <array>
#include <sstream>

namespace isoflop {
namespace {

// Advance widths of ASCII's printable characters, thousandths of the font's size.
constexpr std::array<int, 95> kAdvances{
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361,  318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635,  611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352,  635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592,  525, 636, 337, 636, 838};

// How many bytes the character at `at` has; 0: that is no UTF-8.
std::size_t character_bytes(const std::string& text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  const std::size_t bytes = byte < 0x80                   ? 1
                            : byte >= 0xc2 && byte < 0xe0 ? 2
                            : byte >= 0xe0 && byte < 0xf0 ? 3
                            : byte >= 0xf0 && byte < 0xf5 ? 4
                                                          : 0;
  if (bytes == 0 || at + bytes > text.size()) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return 0;
  }
  return bytes;
}

// The code point of a character of 2 or 3 bytes; else the largest of three bytes.
unsigned code_point(const std::string& text, std::size_t at, std::size_t bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if (bytes == 2) return (byte(0) & 0x1fu) << 6 | (byte(1) & 0x3fu);
  if (bytes == 3) return (byte(0) & 0x0fu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu);
  return 0xffff;
}

int advance(const std::string& text, std::size_t at, std::size_t bytes) {
  if (bytes == 1) {
    const auto c = static_cast<unsigned char>(text[at]);
    return c >= 32 && c < 127 ? kAdvances[c - 32] : 600;
  }
  const unsigned point = code_point(text, at, bytes);
  if (point >= 0x2e80) return 1000;  // CJK and beyond
  const bool raised = point == 0xb2 || point == 0xb3 || point == 0xb9;
  if (raised || (point >= 0x2070 && point <= 0x208e)) return 420;
  return point >= 0x2014 && point <= 0x2026 ? 1000 : 700;
}

}  // namespace

double text_width(const std::string& text, double font_size) {
  double width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = std::max<std::size_t>(1, character_bytes(text, at));
    width += advance(text, at, bytes);
    at += bytes;
  }
  return width * font_size / 1000;
}

std::string shortened(const std::string& text, double font_size, double width) {
  if (text_width(text, font_size) <= width) return text;
  const double room = width - font_size;
  std::string kept;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = std::max<std::size_t>(1, character_bytes(text, at));
    const std::string longer = kept + text.substr(at, bytes);
    if (text_width(longer, font_size) > room) break;
    kept = longer;
    at += bytes;
  }
  while (!kept.empty() && kept.back() == ' ') kept.pop_back();
  return kept + "…";
}

std::vector<std::string> wrapped(const std::string& text, double font_size, double width,
                                 std::size_t most_lines) {
  std::vector<std::string> lines;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const bool fits = !lines.empty() && text_width(lines.back() + ' ' + word, font_size) <= width;
    if (fits || (!lines.empty() && lines.size() == most_lines)) {
      lines.back() += ' ' + word;
    } else {
      lines.push_back(word);
    }
  }
  for (std::string& line : lines) line = shortened(line, font_size, width);
  return lines;
}

std::string one_line(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = character_bytes(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    if (bytes == 0) {
      out += '?';
    } else if (bytes == 1 && (byte < 32 || byte == 127)) {
      out += ' ';
    } else {
      out += text.substr(at, bytes);
    }
    at += std::max<std::size_t>(1, bytes);
  }
  return out;
}

}  // namespace isoflop
