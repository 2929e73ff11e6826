#include "page/html.h"

#include <algorithm>
#include <cstddef>

namespace isoflop {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Bytes of the well-formed UTF-8 sequence at the front; 0: it is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and beyond U+10FFFF.
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
      (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return length;
}

void append_ascii(char c, std::string& out) {
  switch (c) {
    case '&':
      out += "&amp;";
      return;
    case '<':
      out += "&lt;";
      return;
    case '>':
      out += "&gt;";
      return;
    case '"':
      out += "&quot;";
      return;
    case '\'':
      out += "&#39;";
      return;
    default:
      break;
  }
  const bool control =
      (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
  out += control ? std::string(kReplacement) : std::string(1, c);
}

bool looks_numeric(const std::string& cell) {
  const std::size_t sign = !cell.empty() && (cell[0] == '-' || cell[0] == '+') ? 1 : 0;
  return cell.empty() || cell == "-" ||
         (cell.size() > sign && cell[sign] >= '0' && cell[sign] <= '9');
}

// Columns whose cells all begin like numbers stand to the right.
std::vector<bool> numeric_columns(const TextTable& table) {
  std::vector<bool> numeric(table.columns.size(), !table.rows.empty());
  for (const auto& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) numeric[c] = numeric[c] && looks_numeric(row[c]);
  }
  return numeric;
}

std::string html_row(const std::vector<std::string>& cells, const std::vector<bool>& numeric,
                     bool head) {
  std::string out = "<tr>";
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const bool names = head || c == 0;
    const char* scope = head ? " scope=\"col\"" : names ? " scope=\"row\"" : "";
    const std::string tag = names ? "th" : "td";
    out += '<' + tag + scope + (numeric[c] ? " class=\"n\">" : ">") + escaped(cells[c]) + "</" +
           tag + '>';
  }
  return out + "</tr>\n";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 1) append_ascii(text[0], out);
    if (length == 0) out += kReplacement;
    if (length > 1) out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string tagged(const std::string& tag, std::string_view text) {
  if (text.empty()) return "";
  return '<' + tag + '>' + escaped(text) + "</" + tag.substr(0, tag.find(' ')) + ">\n";
}

std::string paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += tagged("p", text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string html_table(const TextTable& table, std::string_view caption, const std::string& id) {
  const auto numeric = numeric_columns(table);
  std::string out = "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"" + id +
                    "\">\n<table>\n<caption id=\"" + id + "\">" + escaped(caption) +
                    "</caption>\n<thead>" + html_row(table.columns, numeric, true) +
                    "</thead>\n<tbody>\n";
  for (const auto& row : table.rows) out += html_row(row, numeric, false);
  return out + "</tbody>\n</table>\n</div>\n";
}

std::string fold(std::string_view summary, const std::string& content, const std::string& id) {
  return "<details" + (id.empty() ? "" : " id=\"" + id + '"') + "><summary>" + escaped(summary) +
         "</summary>\n" + content + "</details>\n";
}

std::string percent_encoded(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

}  // namespace isoflop
