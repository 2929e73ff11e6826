// Shows the same thing again and again, for as long as it changes.
//
// On a terminal each look takes the place of the one before (written in one piece, so that nothing
// flickers; lines are cut to the window, the cursor comes back however it ends); elsewhere each is
// one line. Ctrl-C ends the program with code 0: nothing was interrupted but the looking.
#ifndef ISOFLOP_APP_WATCH_H_
#define ISOFLOP_APP_WATCH_H_

#include <cstddef>
#include <functional>
#include <string>

namespace isoflop {

struct Look {
  std::string text;   // the whole, for a terminal
  std::string line;   // in short, without a line's end
  bool last = false;  // nothing will change any more
};

// Calls `look` every `seconds` until it says that it was the last one. An Error of the first call
// is the caller's; later ones (the store is locked, or was moved) are shown, and it is tried again.
void watch(double seconds, const std::function<Look()>& look);

// The text as it fits into a window: the first line folded at blanks, longer ones cut, and what is
// beyond the window counted in its last line.
std::string fitted(const std::string& text, std::size_t columns, std::size_t rows);

}  // namespace isoflop

#endif  // ISOFLOP_APP_WATCH_H_
