// Reads every #include of the house and holds it to docs/design.md: which rooms a room may include,
// and which third-party headers.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Room {
  std::set<std::string> rooms;        // besides itself
  std::set<std::string> third_party;  // prefixes of #include <...>
};

// The table "Who may include whom" of docs/design.md.
const std::map<std::string, Room>& house() {
  static const std::map<std::string, Room> rooms{
      {"core", {{}, {"openssl/"}}},  // hash.cc only, see below
      {"io", {{"core"}, {"toml++/", "nlohmann/", "fmt/"}}},
      {"published", {{"core", "io"}, {"fmt/"}}},
      {"data", {{"core"}, {"sentencepiece_", "nlohmann/", "fmt/"}}},
      {"kernels", {{"core"}, {}}},
      {"model",
       {{"core", "kernels"}, {"torch/", "ATen/", "c10/", "cuda_"}}},  // cuda_: .cu, see below
      {"trainer", {{"core", "io", "data", "model"}, {"torch/", "ATen/", "c10/"}}},
      {"db", {{"core"}, {"SQLiteCpp/", "sqlite3.h", "fmt/"}}},
      {"sweep", {{"core", "db"}, {"fmt/"}}},
      {"law", {{"core"}, {"fmt/"}}},
      {"fit", {{"core", "law"}, {"ceres/", "Eigen/", "fmt/"}}},
      {"forecast", {{"core"}, {"ceres/", "Eigen/", "fmt/"}}},
      {"plan", {{"core", "law"}, {"fmt/"}}},
      {"design", {{"core", "law", "fit", "plan"}, {"fmt/"}}},
      {"imports", {{"core", "io"}, {"nlohmann/", "sqlite3.h", "fmt/"}}},
      {"report", {{"core", "law", "plan"}, {"fmt/"}}},
      {"figure", {{"core"}, {"fmt/"}}},
      {"page", {{"core", "law", "plan", "report", "figure"}, {"fmt/"}}},
      {"app",
       {{"core", "io", "published", "data", "kernels", "trainer", "db", "sweep", "law", "fit",
         "forecast", "plan", "design", "imports", "report", "figure", "page"},
        {"CLI/", "nlohmann/", "httplib.h", "fmt/"}}},
  };
  return rooms;
}

// What belongs to no library: the C++ standard's headers have no slash and no ".h", POSIX' end in
// ".h".
bool is_system(const std::string& header) {
  static const std::set<std::string> posix{
      "fcntl.h", "sched.h",   "signal.h", "spawn.h",  "unistd.h", "errno.h",      "poll.h",
      "time.h",  "pthread.h", "limits.h", "malloc.h", "netdb.h",  "netinet/in.h", "dlfcn.h"};
  if (header.rfind("sys/", 0) == 0 || header.rfind("linux/", 0) == 0) return true;
  return posix.count(header) > 0 ||
         (header.find('/') == std::string::npos && header.find('.') == std::string::npos);
}

bool allowed_third_party(const Room& room, const std::string& header) {
  for (const std::string& prefix : room.third_party) {
    if (header.rfind(prefix, 0) == 0) return true;
  }
  return false;
}

// What is wrong with one #include line of a file, if anything.
std::optional<std::string> complaint(const std::string& file, const std::string& line) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::smatch match;
  if (!std::regex_search(line, match, include)) return std::nullopt;
  const std::string room_name = file.substr(0, file.find('/'));
  const Room& room = house().at(room_name);
  const std::string header = match[2];
  if (match[1] == "<") {
    if (is_system(header)) return std::nullopt;
    if (!allowed_third_party(room, header)) return file + " includes <" + header + ">";
    if (header.rfind("cuda_", 0) == 0 && file.rfind("model/cuda/", 0) != 0) {
      return file + " includes <" + header + ">: CUDA's own headers belong in model/cuda";
    }
    if (room_name == "core" && file != "core/hash.cc") return file + " includes <" + header + ">";
    const bool header_file = file.size() > 2 && file.substr(file.size() - 2) == ".h";
    if (header_file && header.rfind("fmt/", 0) == 0) return file + ": fmt belongs in .cc files";
    return std::nullopt;
  }
  const std::string other = header.substr(0, header.find('/'));
  if (house().count(other) == 0) return file + " includes \"" + header + "\", which is no room";
  if (other != room_name && room.rooms.count(other) == 0) {
    return file + " includes \"" + header + "\": " + room_name + " may not include " + other;
  }
  return std::nullopt;
}

std::vector<std::string> complaints_of_the_tree() {
  const fs::path root = ISOFLOP_SOURCE_DIR;
  std::vector<std::string> found;
  for (const auto& [name, room] : house()) {
    for (const auto& entry : fs::recursive_directory_iterator(root / name)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cc" && extension != ".cu") continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) {
        const auto wrong = complaint(fs::relative(entry.path(), root).string(), line);
        if (wrong) found.push_back(*wrong);
      }
    }
  }
  return found;
}

TEST(House, EveryIncludeIsAllowed) {
  for (const std::string& wrong : complaints_of_the_tree()) ADD_FAILURE() << wrong;
}

TEST(House, AForbiddenIncludeIsSeen) {
  EXPECT_TRUE(complaint("core/trial.h", "#include \"db/store.h\""));
  EXPECT_TRUE(complaint("sweep/driver.cc", "#include \"trainer/transformer_runner.h\""));
  EXPECT_TRUE(complaint("fit/fit_law.cc", "  #include <torch/torch.h>"));
  EXPECT_TRUE(complaint("core/trial.cc", "#include <openssl/evp.h>"));
  EXPECT_TRUE(complaint("core/hash.h", "#include <openssl/evp.h>"));
  EXPECT_TRUE(complaint("plan/plan.h", "#include <fmt/format.h>"));
  EXPECT_TRUE(complaint("model/transformer.cc", "#include \"data/token_source.h\""));
  EXPECT_TRUE(complaint("app/main.cc", "#include \"kitchen/sink.h\""));
  EXPECT_TRUE(complaint("model/transformer.cc", "#include <cuda_runtime.h>"));
  EXPECT_FALSE(complaint("model/cuda/block.h", "#include <cuda_runtime.h>"));
  EXPECT_FALSE(complaint("core/hash.cc", "#include <openssl/evp.h>"));
  EXPECT_FALSE(complaint("trainer/evaluation.h", "#include \"model/transformer.h\""));
  EXPECT_FALSE(complaint("db/store.cc", "#include <unistd.h>"));
  EXPECT_FALSE(complaint("db/store.cc", "// talks about db/store.h"));
}

// The table above is docs/design.md's, and every room is in it.
TEST(House, TheDesignNamesEveryRoom) {
  std::ifstream in(fs::path(ISOFLOP_SOURCE_DIR) / "docs/design.md");
  std::stringstream text;
  text << in.rdbuf();
  for (const auto& [name, room] : house()) {
    EXPECT_NE(text.str().find("| `" + name + "/` |"), std::string::npos) << name;
  }
}

}  // namespace
