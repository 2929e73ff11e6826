#include "db/row_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<std::string> kColumns = {"Model Size", "d", "corpus", "note"};
const std::vector<std::vector<std::string>> kRows = {{"70M", "1.4e9", "c4", ""},
                                                     {"2.8B", "57B", "c4", "warm up, long"},
                                                     {" 1e10 ", "2e11", "it's", "0"},
                                                     {"", "5", "c4", "x"}};

std::vector<std::size_t> where(const std::string& condition) {
  return rows_where(kColumns, kRows, condition,
                    {{"N", {"70M", "2.8B", "1e10", ""}}, {"D", {"0", "0", "0", "0"}}});
}

std::string refused(const std::string& condition) {
  try {
    where(condition);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "accepted";
}

TEST(RowFilter, NumbersCompareAsNumbersAndTextAsText) {
  EXPECT_THAT(where("\"Model Size\" > 1e9"), ElementsAre(1, 2));
  EXPECT_THAT(where("corpus = 'c4'"), ElementsAre(0, 1, 3));
  EXPECT_THAT(where("corpus = 'it''s' or note like 'warm%'"), ElementsAre(1, 2));
  EXPECT_THAT(where("note = 0"), ElementsAre(2)) << "an empty cell is no zero";
  EXPECT_THAT(where("note is null"), ElementsAre(0));
  EXPECT_THAT(where("[Model Size] is not null -- the others are not done"), ElementsAre(0, 1, 2));
}

TEST(RowFilter, AliasesGiveWayToColumns) {
  EXPECT_THAT(where("N > 1e9"), ElementsAre(1, 2));
  EXPECT_THAT(where("D >= 57e9"), ElementsAre(1, 2)) << "column d, not the alias D of zeros";
  EXPECT_THAT(where("D / N between 19 and 20.1"), ElementsAre(0, 2) /* 20, 20 */);
  EXPECT_THAT(where("abs(N - 70e6) < 1"), ElementsAre(0));
  EXPECT_THAT(where("N > 1e20"), IsEmpty());
}

TEST(RowFilter, ConditionsThatAreNoneNameTheColumns) {
  EXPECT_THAT(refused("size > 3"), AllOf(HasSubstr("size > 3"), HasSubstr("no such column"),
                                         HasSubstr("columns: Model Size, d, corpus, note, N")));
  EXPECT_THAT(refused("N >"), HasSubstr("N >"));
  EXPECT_THAT(refused("\"size\" = 1"), HasSubstr("no such column"));
  EXPECT_THAT(refused("  "), HasSubstr("empty"));
  EXPECT_THAT(refused("(N > 1"), HasSubstr("not in pairs"));
  EXPECT_THAT(refused("corpus = 'c4"), HasSubstr("not in pairs"));
}

TEST(RowFilter, NothingButAnExpressionIsLetThrough) {
  for (const char* evil :
       {"1; DROP TABLE runs", "1) OR (1", "1; ATTACH 'x.db' AS x",
        "N in (SELECT rowid FROM sqlite_master)", "1) UNION SELECT name FROM sqlite_master --",
        "load_extension('x')", "1 LIMIT 1", "(SELECT count(*) FROM pragma_database_list) > 0",
        "readfile('/etc/passwd') is null"}) {
    EXPECT_NE(refused(evil), "accepted") << evil;
  }
}

TEST(RowFilter, ColumnsThatDifferInCaseOnlyOrHaveNoNameAreStillThere) {
  const std::vector<std::vector<std::string>> rows = {{"1", "2", "3"}};
  EXPECT_THAT(rows_where({"n", "N", ""}, rows, "n = 1 and N_2 = 2 and column3 = 3"),
              ElementsAre(0));
}

}  // namespace
}  // namespace isoflop
