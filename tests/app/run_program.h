// Runs the program in a folder of the test's own and keeps what it printed.
#ifndef ISOFLOP_TESTS_APP_RUN_PROGRAM_H_
#define ISOFLOP_TESTS_APP_RUN_PROGRAM_H_

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <sys/wait.h>

namespace isoflop {

struct Ran {
  int code = -1;
  std::string out;
  std::string err;

  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = "isoflop-" + std::string(info->test_suite_name()) + "-" + info->name() +
                       "-" + std::to_string(getpid());
    std::replace(name.begin(), name.end(), '/', '-');  // of tests with a parameter
    dir_ = std::filesystem::temp_directory_path() / name;
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  // `arguments` as a shell reads them, in the test's folder.
  Ran run(const std::string& arguments) const { return run_under("", arguments); }

  // Killed with SIGKILL after so many seconds, unless it has ended.
  Ran run_for(double seconds, const std::string& arguments) const {
    return run_under("timeout -s KILL " + std::to_string(seconds), arguments);
  }

  // Through another program and its arguments, e.g. timeout or taskset.
  Ran run_under(const std::string& wrapper, const std::string& arguments) const {
    const std::string command = "cd '" + dir_.string() + "' && " + wrapper + " '" + ISOFLOP_BINARY +
                                "' " + arguments + " >out.txt 2>err.txt </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read("out.txt"),
            read("err.txt")};
  }

  std::string read(const std::string& name) const { return whole_file(dir_ / name); }
  static std::string read_source(const std::string& path) { return whole_file(source(path)); }

  static std::string whole_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ / name, std::ios::binary) << text;
  }

  static std::string source(const std::string& path) {
    return std::string(ISOFLOP_SOURCE_DIR) + "/" + path;
  }

  std::filesystem::path dir_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_APP_RUN_PROGRAM_H_
