// isoflop doctor: what it finds on this machine, and on broken ones.
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/schema.h"
#include "db/store.h"
#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

class Doctor : public ProgramTest {
 protected:
  static nlohmann::json check_in(const Ran& ran, const std::string& name) {
    const nlohmann::json report = ran.json();
    for (const nlohmann::json& check : report.at("checks")) {
      if (check.at("name") == name) return check;
    }
    ADD_FAILURE() << "no check of " << name;
    return {};
  }

  std::string store_of_version(int version) const {
    const std::string path = (dir_ / "runs.db").string();
    { const Store store(path, StoreMode::kCreate); }
    // user_version stands at offset 60, most significant byte first.
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);
    for (const int shift : {24, 16, 8, 0}) file.put(static_cast<char>(version >> shift & 0xff));
    return path;
  }
};

TEST_F(Doctor, SaysThatThisMachineCanRunSweeps) {
  const Ran ran = run("doctor");
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_EQ(ran.out.substr(0, ran.out.find('\n')), "This machine can run sweeps.");
  EXPECT_THAT(ran.out, HasSubstr("FLOP/s a core, measured"));
  EXPECT_EQ(ran.err, "");
}

TEST_F(Doctor, GivesScriptsNumbers) {
  const Ran ran = run("doctor --json");
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_TRUE(ran.json().at("ok"));
  EXPECT_EQ(ran.json().at("problems"), 0);
  const nlohmann::json processor = check_in(ran, "processor").at("values");
  EXPECT_GE(processor.at("cores"), 1);
  EXPECT_GT(processor.at("peak_flops_per_second"), 1e8);
  const nlohmann::json memory = check_in(ran, "memory").at("values");
  EXPECT_LE(memory.at("available_bytes"), memory.at("total_bytes"));
  EXPECT_GT(check_in(ran, "disk").at("values").at("free_bytes"), 0);
  EXPECT_GT(check_in(ran, "limits").at("values").at("open_files"), 0);
  for (const char* name :
       {"program", "gpu", "store", "corpora", "temporary", "figures", "locale"}) {
    EXPECT_FALSE(check_in(ran, name).at("text").get<std::string>().empty()) << name;
  }
}

TEST_F(Doctor, MakesNothing) {
  run("doctor --db new.db");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "new.db"));
}

TEST_F(Doctor, AStoreOfThisProgramIsFine) {
  const std::string path = store_of_version(schema_version());
  const Ran ran = run("doctor --json --db " + path);
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_EQ(check_in(ran, "store").at("values").at("schema"), schema_version());
}

TEST_F(Doctor, AnOlderStoreIsANoteAndANewerOneAProblem) {
  const Ran older = run("doctor --json --db " + store_of_version(schema_version() - 1));
  EXPECT_EQ(older.code, 0) << older.out;
  EXPECT_EQ(check_in(older, "store").at("state"), "note");
  std::filesystem::remove(dir_ / "runs.db");
  const Ran newer = run("doctor --json --db " + store_of_version(schema_version() + 1));
  EXPECT_EQ(newer.code, 1);
  EXPECT_FALSE(newer.json().at("ok"));
  EXPECT_EQ(check_in(newer, "store").at("state"), "problem");
  EXPECT_EQ(check_in(newer, "store").at("values").at("schema"), schema_version() + 1);
  EXPECT_THAT(check_in(newer, "store").at("next"), HasSubstr("newer isoflop"));
}

TEST_F(Doctor, AFileThatIsNoStoreIsAProblem) {
  std::ofstream(dir_ / "notes.txt") << "not a store at all, but a good many words\n";
  const Ran ran = run("doctor --db notes.txt");
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("One thing would stop a sweep."));
  EXPECT_THAT(ran.out, HasSubstr("-> "));
}

TEST_F(Doctor, AFolderThatCannotBeWrittenIsAProblem) {
  const Ran ran = run("doctor --json --db /proc/runs.db");
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(check_in(ran, "disk").at("state"), "problem");
  EXPECT_THAT(check_in(ran, "disk").at("next"), HasSubstr("--db"));
  const Ran nowhere = run("doctor --json --db nowhere/runs.db");
  EXPECT_EQ(nowhere.code, 1);
}

TEST_F(Doctor, WithoutGnuplotReportsHaveNoFigures) {
  const Ran ran = run_under("env PATH=/nonexistent", "doctor --json");
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_EQ(check_in(ran, "figures").at("state"), "note");
  EXPECT_THAT(check_in(ran, "figures").at("next"), HasSubstr("apt-get install gnuplot-nox"));
}

TEST_F(Doctor, AMissingTemporaryFolderIsANote) {
  const Ran ran = run_under("env TMPDIR=/nonexistent", "doctor --json");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_EQ(check_in(ran, "temporary").at("state"), "note");
}

TEST_F(Doctor, FewOpenFilesAreSaid) {
  const Ran ran = run_under("prlimit --nofile=40", "doctor --json");
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_EQ(check_in(ran, "limits").at("next"), "ulimit -n 1024");
}

TEST_F(Doctor, CorporaAreNamedWithTheirHash) {
  std::ofstream(dir_ / "book.txt") << std::string(200000, 'a') << "\n";
  ASSERT_EQ(run("data prepare book.txt --out corpora/book").code, 0) << read("err.txt");
  const Ran ran = run("doctor --json");
  const nlohmann::json corpora = check_in(ran, "corpora").at("values").at("corpora");
  ASSERT_EQ(corpora.size(), 1u);
  EXPECT_EQ(corpora[0].at("name"), "book");
  EXPECT_EQ(corpora[0].at("identity"), run("data info corpora/book --json").json().at("identity"));
}

}  // namespace
}  // namespace isoflop
