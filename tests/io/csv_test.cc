#include "io/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "io/atomic_file.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Csv, ReadsQuotesLineEndsAndAByteOrderMark) {
  const Table table = parse_csv(
      "\xEF\xBB\xBF"
      "name,loss\r\n"
      "\"a, \"\"b\"\"\",1\r\n"
      "\r\n"
      "\"two\nlines\",2\n"
      "last,",
      "x.csv");
  EXPECT_THAT(table.columns, ElementsAre("name", "loss"));
  EXPECT_THAT(table.rows, ElementsAre(ElementsAre("a, \"b\"", "1"), ElementsAre("two\nlines", "2"),
                                      ElementsAre("last", "")));
  EXPECT_THAT(table.line_of_row, ElementsAre(2, 4, 6));
}

TEST(Csv, ReadsWhatItWrites) {
  const Table table{
      .columns = {"a", "b,c", "d\"e"},
      .rows = {{"", "x", "\r\n"}, {"\"", ",", "plain"}, {" spaces ", "1e19", "\xC3\xA9"}},
      .line_of_row = {2, 4, 5}};
  const Table again = parse_csv(csv_text(table), "x.csv");
  EXPECT_EQ(again.columns, table.columns);
  EXPECT_EQ(again.rows, table.rows);
  EXPECT_EQ(again.line_of_row, table.line_of_row);
  const Table narrow{.columns = {"a"}, .rows = {{""}, {"x"}}, .line_of_row = {2, 3}};
  EXPECT_EQ(parse_csv(csv_text(narrow), "x.csv").rows, narrow.rows);
}

TEST(Csv, NamesFileAndLineOfWhatIsMalformed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "x.csv: is empty"},
      {"\n\n", "x.csv: is empty"},
      {"a,b\n1\n", "x.csv:2: has 1 cells, but there are 2 columns"},
      {"a,b\n1,2\n\n1,2,3\n", "x.csv:4: has 3 cells"},
      {"a,b\n\"x\n\ny\",1\n1\n", "x.csv:5: has 1 cells"},
      {"a,b\n1,\"open\n2,3\n", "x.csv:2: a quote is opened"},
      {"a,b\n\"x\"y,2\n", "x.csv:2: text after a closing quote"},
      {"a,b,a\n", "x.csv:1: column \"a\" is named twice"},
  };
  for (const auto& [text, said] : cases) {
    EXPECT_THAT(message_of<Error>([&] { parse_csv(text, "x.csv"); }), HasSubstr(said)) << text;
  }
}

TEST(AtomicFile, WritesReplacesAndLeavesNothingElse) {
  const TempFolder folder;
  const std::string path = folder.path("a.txt");
  write_file_atomically(path, "one");
  write_file_atomically(path, std::string("two\0three", 9));
  EXPECT_EQ(read_whole_file(path), std::string("two\0three", 9));
  write_file_atomically(path, "");
  EXPECT_EQ(read_whole_file(path), "");
  int entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    entries += !entry.path().empty();
  }
  EXPECT_EQ(entries, 1);
}

TEST(AtomicFile, NamesTheFileThatCannotBeWrittenOrRead) {
  const TempFolder folder;
  const std::string nowhere = folder.path("no/such/a.txt");
  EXPECT_THAT(message_of<Error>([&] { write_file_atomically(nowhere, "x"); }), HasSubstr(nowhere));
  EXPECT_THAT(message_of<Error>([&] { read_whole_file(nowhere); }), HasSubstr(nowhere));
  EXPECT_THAT(message_of<Error>([&] { read_whole_file(folder.path()); }), HasSubstr("is a folder"));
  std::filesystem::create_directory(folder.path("d"));
  EXPECT_THROW(write_file_atomically(folder.path("d"), "x"), Error);  // cannot replace a folder
  EXPECT_TRUE(std::filesystem::is_empty(folder.path("d")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace isoflop
