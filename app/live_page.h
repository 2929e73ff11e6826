// The report of a running sweep as a page that follows it, for a browser on this machine.
//
//   /                  the page (page/report_page.h) with a script that asks for newer ones
//   /version           changes when the page does
//   /status.json       what `sweep status --json` prints, as of now
//   /figure/NAME.csv   a figure's data
//
// It only reads: the store is opened for reading and closed again at every look. It listens on
// 127.0.0.1 alone and takes only GET and HEAD. A request for another host's name is refused, so
// that a page elsewhere cannot read this one by renaming itself (DNS rebinding), and the answer's
// Content-Security-Policy lets the browser load nothing from anywhere and run no script but the
// page's own.
//
// The page is made again, in a thread of its own and with low priority, when trials have ended
// since; meanwhile the last one is served.
//
// Errors: Error(kFailed) when the port is taken, which names the way out; those of the store when
// it cannot be opened at first.
#ifndef ISOFLOP_APP_LIVE_PAGE_H_
#define ISOFLOP_APP_LIVE_PAGE_H_

#include <functional>
#include <string>

#include "app/report_data.h"

namespace isoflop {

struct LivePageOptions {
  ReportQuestion question;  // of a store, with its study named
  int port = 0;             // 0: any that is free
  std::function<std::string()> status_json;
  std::function<void(const std::string&)> ready;  // told the page's address
  std::function<bool()> stop;                     // asked a few times a second
};

// Serves until `stop` says so.
void serve_live_page(const LivePageOptions& options);

}  // namespace isoflop

#endif  // ISOFLOP_APP_LIVE_PAGE_H_
