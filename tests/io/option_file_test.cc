#include "io/option_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string complaint_about(const std::string& text) {
  try {
    parse_option_file(text, "f.toml");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

TEST(OptionFile, ReadsValuesFlagsListsAndTablesOfVerbs) {
  const auto options = parse_option_file(
      "flops = 5.76e23\niso-loss = true\nsizes = [\n  \"1B\", # one\n  \"7B\"\n]\n"
      "[fit]\ncsv = \"a # b.csv\"\n[sweep.run]\nworkers = 4\n",
      "f.toml");
  ASSERT_EQ(options.size(), 5u);
  EXPECT_EQ(options[0].key, "flops");
  EXPECT_THAT(options[0].values, ElementsAre("5.76e+23"));
  EXPECT_EQ(options[0].line, 1);
  EXPECT_THAT(options[1].values, ElementsAre("true"));
  EXPECT_THAT(options[2].values, ElementsAre("1B", "7B"));
  EXPECT_EQ(options[3].verb, "fit");
  EXPECT_THAT(options[3].values, ElementsAre("a # b.csv"));
  EXPECT_EQ(options[4].verb, "sweep run");
  EXPECT_EQ(options[4].line, 10);
}

TEST(OptionFile, SaysFileAndLineOfWhatIsWrong) {
  EXPECT_THAT(complaint_about("a = 1\nb = \n"), HasSubstr("f.toml:2:"));
  EXPECT_THAT(complaint_about("a = 1\nb = 2026-11-23\n"), HasSubstr("f.toml:2: b: is neither"));
  EXPECT_THAT(complaint_about("b = inf\n"), HasSubstr("f.toml:1: b: is not finite"));
  EXPECT_THAT(complaint_about("b = [[1]]\n"), HasSubstr("f.toml:1: b: is neither"));
}

TEST(OptionFile, ValuesReadBackAsTheyWere) {
  for (const std::string value :
       {"5.76e23", "1e+19",      "007",         "0.1", "12",    "-1",   "true",
        "$500",    "N > 1 # x",  "a\"b\\c\n\t", "",    "1_000", "inf",  "nan",
        "0x10",    "2026-11-23", "+5",          "1.",  ".5",    "±0.05"}) {
    const auto one = parse_option_file("v = " + option_toml(value) + "\n", "f.toml");
    ASSERT_EQ(one.size(), 1u) << value;
    EXPECT_THAT(one[0].values, ElementsAre(value));
    const std::vector<std::string> twice{value, value};
    const auto list = parse_option_file("v = " + option_toml(twice) + "\n", "f.toml");
    EXPECT_EQ(list.at(0).values, twice);
  }
}

}  // namespace
}  // namespace isoflop
