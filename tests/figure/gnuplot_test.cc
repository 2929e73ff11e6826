#include "figure/gnuplot.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/stopwatch.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// An environment variable for one test.
class Setting {
 public:
  Setting(const char* name, const std::string& value) : name_(name) {
    const char* before = std::getenv(name);
    if (before != nullptr) before_ = before;
    was_set_ = before != nullptr;
    ::setenv(name, value.c_str(), 1);
  }
  ~Setting() {
    if (was_set_) {
      ::setenv(name_, before_.c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
  std::string before_;
  bool was_set_ = false;
};

std::string message_of(const std::string& script, double seconds = 30) {
  try {
    run_gnuplot(script, seconds);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Gnuplot, WithoutItTheErrorSaysHowToGetIt) {
  const Setting nowhere("PATH", "/nonexistent");
  EXPECT_THAT(message_of("print 1"), HasSubstr("apt-get install gnuplot-nox"));
  EXPECT_EQ(gnuplot_version(), "");
}

class InstalledGnuplot : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gnuplot_version().empty()) GTEST_SKIP() << "gnuplot is not installed";
  }
};

TEST_F(InstalledGnuplot, GivesBackWhatIsWrittenToStdout) {
  EXPECT_EQ(run_gnuplot("set print '-'\nprint 1 + 1\n"), "2\n");
}

TEST_F(InstalledGnuplot, AFailureSaysWhatGnuplotSaid) {
  EXPECT_THAT(message_of("set fooo\n"), HasSubstr("unrecognized option"));
}

TEST_F(InstalledGnuplot, IsStoppedWhenItsTimeIsOver) {
  const Stopwatch watch;
  EXPECT_THAT(message_of("pause 20\n", 0.3), HasSubstr("was stopped"));
  // Ten times the limit, for a machine that is busy.
  EXPECT_LT(watch.seconds(), 3);
}

TEST_F(InstalledGnuplot, TheUsersSettingsHaveNoSay) {
  const fs::path home = fs::temp_directory_path() / ("isoflop_home_" + std::to_string(::getpid()));
  fs::create_directories(home);
  std::ofstream(home / ".gnuplot") << "theirs = 1\nset fooo\n";
  const Setting at_home("HOME", home.string());
  const Setting locale("LC_ALL", "de_DE.UTF-8");
  const Setting terminal("GNUTERM", "dumb");
  EXPECT_EQ(run_gnuplot("set print '-'\nprint exists('theirs'), 0.5\n"), "0 0.5\n");
  fs::remove_all(home);
}

// More than a pipe holds, both ways.
TEST_F(InstalledGnuplot, LongScriptsAndLongAnswersPass) {
  std::string script = "set print '-'\n";
  for (int i = 0; i < 6000; ++i) script += "print 'a line of a good many words'\n";
  EXPECT_EQ(run_gnuplot(script).size(), 6000u * 28u);
}

}  // namespace
}  // namespace isoflop
