// "Did you mean": the known word nearest to one that is not known.
#ifndef ISOFLOP_CORE_CLOSEST_WORD_H_
#define ISOFLOP_CORE_CLOSEST_WORD_H_

#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

// Nearest by edit distance if that is at most a third of the word (at least 2), else empty. The
// last part of a dotted word alone counts as near: "width" for "model.width".
std::string closest_word(std::string_view word, const std::vector<std::string>& known);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_CLOSEST_WORD_H_
