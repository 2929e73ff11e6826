// The script of the live page (app/live_page.h): asks /version every two seconds and, when it has
// changed, puts the new page's <main> in the place of the old one. Where the reader is on the page,
// and which folds are open, stays.
#ifndef ISOFLOP_PAGE_LIVE_SCRIPT_H_
#define ISOFLOP_PAGE_LIVE_SCRIPT_H_

#include <string>
#include <string_view>

namespace isoflop {

std::string_view live_script();

// "sha256-<base64>": what a Content-Security-Policy calls it.
std::string live_script_hash();

}  // namespace isoflop

#endif  // ISOFLOP_PAGE_LIVE_SCRIPT_H_
