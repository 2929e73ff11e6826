// How much text there is: names for caps of unique tokens.
//
//   counted     3.2T   tokens of all text corpora that papers of 2022 speak of, by nostalgebraist's
//                      count ("chinchilla's wild implications", 2022)
//   quality-low 4.6T   the world's high-quality text, low end, and
//   quality     17.2T  high end: Villalobos et al. 2022, arXiv:2211.04325v1; in words there, which
//                      are some 1.3 tokens each
//   crawl       130T   Common Crawl, tokens, and
//   web         510T   the indexed web: Villalobos et al. 2024, arXiv:2211.04325v2; neither is
//                      filtered for quality
#ifndef ISOFLOP_PLAN_UNIQUE_TEXT_H_
#define ISOFLOP_PLAN_UNIQUE_TEXT_H_

#include <span>
#include <string_view>

namespace isoflop {

struct UniqueText {
  std::string_view name;
  double tokens = 0;
  std::string_view citation;
};

std::span<const UniqueText> unique_texts();

// Tokens from a name of the above or a number ("3.2T"). Throws Error(kUsage) listing the names.
double parse_unique_tokens(std::string_view text);

}  // namespace isoflop

#endif  // ISOFLOP_PLAN_UNIQUE_TEXT_H_
