// How the report's page looks: one style sheet, light and dark by the reader's preference, for
// windows from 400 pixels on and for paper. The colours are those of figure/palette.h.
#ifndef ISOFLOP_PAGE_PAGE_STYLE_H_
#define ISOFLOP_PAGE_PAGE_STYLE_H_

#include <string>

namespace isoflop {

std::string page_style();

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_PAGE_STYLE_H_
