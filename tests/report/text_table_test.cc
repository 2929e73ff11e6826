#include "report/text_table.h"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

const TextTable kTable{{"name", "loss"}, {{"a", "1.5"}, {"long name", "12.25"}, {"µ", ""}}};

TEST(TextTable, AlignsNumbersToTheRightAndWordsToTheLeft) {
  EXPECT_EQ(aligned_text(kTable),
            "name        loss\n"
            "a            1.5\n"
            "long name  12.25\n"
            "µ\n");
}

TEST(TextTable, CountsCharactersNotBytes) {
  const TextTable table{{"±", "x"}, {{"±±±", "y"}}};
  EXPECT_EQ(aligned_text(table), "±    x\n±±±  y\n");
}

TEST(TextTable, WritesMarkdownWithAlignment) {
  EXPECT_EQ(markdown_text(kTable),
            "| name      |  loss |\n"
            "|-----------|------:|\n"
            "| a         |   1.5 |\n"
            "| long name | 12.25 |\n"
            "| µ         |       |\n");
}

TEST(TextTable, AHeadWithoutRowsIsALine) { EXPECT_EQ(aligned_text({{"a", "b"}, {}}), "a  b\n"); }

}  // namespace
}  // namespace isoflop
