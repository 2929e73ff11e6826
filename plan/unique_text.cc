#include "plan/unique_text.h"

#include <array>
#include <string>

#include "core/error.h"
#include "core/units.h"

namespace isoflop {
namespace {

constexpr std::array<UniqueText, 5> kTexts{
    {{"counted", 3.2e12, "nostalgebraist 2022, chinchilla's wild implications"},
     {"quality-low", 4.6e12, "Villalobos et al. 2022, arXiv:2211.04325v1, low end"},
     {"quality", 17.2e12, "Villalobos et al. 2022, arXiv:2211.04325v1, high end"},
     {"crawl", 130e12, "Villalobos et al. 2024, arXiv:2211.04325v2, Common Crawl"},
     {"web", 510e12, "Villalobos et al. 2024, arXiv:2211.04325v2, indexed web"}}};

}  // namespace

std::span<const UniqueText> unique_texts() { return kTexts; }

double parse_unique_tokens(std::string_view text) {
  std::string names;
  for (const UniqueText& known : kTexts) {
    if (known.name == text) return known.tokens;
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  if (const auto value = try_parse_quantity(text)) return *value;
  throw usage_error("--unique: \"" + std::string(text) + "\": give tokens, like 3.2T, or one of " +
                    names);
}

}  // namespace isoflop
