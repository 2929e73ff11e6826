// What is in a prepared corpus, in words and as JSON.
#ifndef ISOFLOP_APP_CORPUS_TEXT_H_
#define ISOFLOP_APP_CORPUS_TEXT_H_

#include <string>

#include "app/study.h"

namespace isoflop {

// Tokens a parameter at which "how large a model does this suffice for" is answered (Hoffmann et
// al. 2022, arXiv:2203.15556).
inline constexpr double kTokensPerParameter = 20;

std::string corpus_text(const Corpus& corpus);

// The manifest and, besides, "dir", "identity", "bytes_per_token" (where known), "blocks",
// "heldout_blocks" and "params_at_20_tokens".
std::string corpus_json(const Corpus& corpus);

}  // namespace isoflop

#endif  // ISOFLOP_APP_CORPUS_TEXT_H_
