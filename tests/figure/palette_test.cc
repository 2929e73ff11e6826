#include "figure/palette.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

bool carries_text(const std::string& name) { return name == "ink" || name == "faint"; }

TEST(Palette, EveryColourStandsOutFromItsPage) {
  const PaletteColour& paper = palette_colour("paper");
  for (const PaletteColour& colour : palette()) {
    if (colour.name == "paper" || colour.name == "grid") continue;
    // WCAG 2.2: 3 for what is drawn (1.4.11), 4.5 for text (1.4.3).
    const double least = carries_text(colour.name) ? 4.5 : 3;
    EXPECT_GE(contrast_ratio(colour.light, paper.light), least) << colour.name;
    EXPECT_GE(contrast_ratio(colour.dark, paper.dark), least) << colour.name;
  }
}

TEST(Palette, ContrastIsTheOneThatIsPublished) {
  EXPECT_NEAR(contrast_ratio("#000000", "#ffffff"), 21, 1e-9);
  EXPECT_NEAR(contrast_ratio("#ffffff", "#ffffff"), 1, 1e-9);
  // WebAIM's contrast checker says 4.48:1 for this grey, cut to two decimals.
  EXPECT_NEAR(contrast_ratio("#777777", "#ffffff"), 4.48, 0.005);
}

// Shades are told apart in black and white, and the larger stands out more.
TEST(Palette, ShadesAreEvenStepsAwayFromThePage) {
  for (int i = 1; i < kShades; ++i) {
    const PaletteColour& before = palette_colour("s" + std::to_string(i - 1));
    const PaletteColour& here = palette_colour("s" + std::to_string(i));
    // Equal steps of L*, but for rounding colours to 8 bits.
    EXPECT_NEAR(lightness(before.light) - lightness(here.light), 44.0 / 9, 0.7) << i;
    EXPECT_NEAR(lightness(here.dark) - lightness(before.dark), 43.0 / 9, 0.7) << i;
  }
}

TEST(Palette, APageGetsEveryColourForLightAndForDark) {
  const std::string css = palette_css();
  EXPECT_THAT(css, HasSubstr("--c0:#0072b2;"));
  EXPECT_THAT(css, HasSubstr("--c0:#4ba3dc;"));
  EXPECT_THAT(css, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(css, HasSubstr("--s9:"));
  EXPECT_LT(css.find("#0072b2"), css.find("#4ba3dc"));
}

TEST(Palette, AnUnknownColourIsRefused) { EXPECT_THROW(palette_colour("pink"), Error); }

}  // namespace
}  // namespace isoflop
