// The pieces that pages are made of: text, tables, folds. Whatever comes from outside (names of
// studies, hosts, reasons) goes through escaped() and cannot become markup.
#ifndef ISOFLOP_PAGE_HTML_H_
#define ISOFLOP_PAGE_HTML_H_

#include <string>
#include <string_view>

#include "report/text_table.h"

namespace isoflop {

// For text and for attributes in double quotes. Control characters that HTML does not know, and
// bytes that are not UTF-8, become U+FFFD.
std::string escaped(std::string_view text);

// <tag>text</tag>, escaped; nothing for an empty text.
std::string tagged(const std::string& tag, std::string_view text);

// The text's lines that are not empty, a paragraph each.
std::string paragraphs(std::string_view text);

// A table with its caption, in a region that scrolls by itself (and by the keyboard) where it is
// wider than the page. The first cell of a row names it. `id` is unique in the page.
std::string html_table(const TextTable& table, std::string_view caption, const std::string& id);

// Folded away until it is opened; printed open or not at all, as the style says.
std::string fold(std::string_view summary, const std::string& content, const std::string& id = "");

// For the part of a data: URI after the comma (RFC 3986: all but unreserved characters as %XX).
std::string percent_encoded(std::string_view bytes);

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_HTML_H_
