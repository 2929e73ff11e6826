// isoflop sweep watch --serve, spoken to over a plain socket.
#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "tests/app/run_program.h"

namespace isoflop {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int kPatience = 120;  // seconds, for a loaded machine of two cores

class LivePage : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (std::system("command -v gnuplot >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "no gnuplot here, which draws the figures";
    }
    const Ran ran = run("sweep run " + source("examples/light.toml") + " --quiet");
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
  void TearDown() override {
    if (pid_ > 0) stop(SIGKILL);
    ProgramTest::TearDown();
  }

  // Serves the store of this test; its address is on its stdout.
  void start() {
    pid_ = ::fork();
    if (pid_ == 0) {
      if (::chdir(dir_.c_str()) != 0) ::_exit(99);
      ::dup2(::open("url.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
      ::dup2(::open("watch.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
      ::execl(ISOFLOP_BINARY, ISOFLOP_BINARY, "sweep", "watch", "--serve", "0", nullptr);
      ::_exit(99);
    }
    ASSERT_TRUE(within([&] { return read("url.txt").ends_with("/\n"); })) << read("watch.txt");
    const std::string url = read("url.txt");
    ASSERT_THAT(url, StartsWith("http://127.0.0.1:"));
    port_ = std::stoi(url.substr(url.rfind(':') + 1));
  }

  int stop(int signal) {
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  static bool within(const std::function<bool()>& done) {
    for (int i = 0; i < 20 * kPatience; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }

  std::string own_host() const { return "127.0.0.1:" + std::to_string(port_); }

  // The whole answer, status line and all.
  std::string ask(const std::string& method, const std::string& path, std::string host = "") const {
    if (host.empty()) host = own_host();
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::close(socket);
      return "";
    }
    const std::string request = method + ' ' + path + " HTTP/1.1\r\nHost: " + host +
                                "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(::send(socket, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string answer;
    char piece[65536];
    for (ssize_t got = 0; (got = ::recv(socket, piece, sizeof piece, 0)) > 0;) {
      answer.append(piece, static_cast<std::size_t>(got));
    }
    ::close(socket);
    return answer;
  }

  std::string body(const std::string& path) const {
    const std::string answer = ask("GET", path);
    const std::size_t end = answer.find("\r\n\r\n");
    return end == std::string::npos ? "" : answer.substr(end + 4);
  }

  // Waits for a page that was made from the store.
  bool is_made() const {
    return within([&] { return body("/").find("id=\"answer\"") != std::string::npos; });
  }

  pid_t pid_ = -1;
  int port_ = 0;
};

TEST_F(LivePage, ServesTheReportOfTheStoreAndItsParts) {
  start();
  ASSERT_TRUE(is_made()) << body("/") << read("watch.txt");
  const std::string page = ask("GET", "/");
  EXPECT_THAT(page, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("35 of 35 trials are done"),
                          HasSubstr("Content-Security-Policy: default-src 'none'")));
  EXPECT_THAT(page, HasSubstr("data-version=\"" + body("/version") + "\""));
  EXPECT_EQ(nlohmann::json::parse(body("/status.json"))["trials"]["done"], 35);
  EXPECT_THAT(body("/figure/isoflop.csv"), StartsWith("panel,series,"));
  EXPECT_THAT(ask("GET", "/figure/none.csv"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(ask("GET", "/../etc/passwd"), StartsWith("HTTP/1.1 4"));
  const std::string head = ask("HEAD", "/");
  EXPECT_THAT(head, AllOf(StartsWith("HTTP/1.1 200"), Not(HasSubstr("<html"))));
}

TEST_F(LivePage, OnlyReadsAndOnlyForThisMachine) {
  start();
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    EXPECT_THAT(ask(method, "/"), AllOf(StartsWith("HTTP/1.1 405"), HasSubstr("Allow: GET, HEAD")))
        << method;
  }
  // Another name for this address: a page of that name could read ours.
  for (const char* host :
       {"example.org", "example.org:80", "127.0.0.1", "localhost:1", "127.0.0.1.nip.io"}) {
    const std::string answer = ask("GET", "/version", host);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 403")) << host;
  }
  EXPECT_THAT(ask("GET", "/version", "localhost:" + std::to_string(port_)),
              StartsWith("HTTP/1.1 200"));
}

TEST_F(LivePage, IsMadeAgainWhenTrialsEnd) {
  start();
  ASSERT_TRUE(is_made()) << read("watch.txt");
  const std::string before = body("/version");
  std::string grid = read_source("examples/light.toml");
  grid.insert(grid.find("2.56e11"), "1.28e11, ");
  write("more.toml", grid);
  const Ran ran = run("sweep run more.toml --quiet");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_TRUE(within([&] { return body("/version") != before; })) << read("watch.txt");
  EXPECT_TRUE(within([&] {
    return body("/").find("42 of 42 trials are done") != std::string::npos;
  })) << read("watch.txt");
}

TEST_F(LivePage, CtrlCEndsItInOrderAndAPortThatIsTakenIsSaid) {
  start();
  const Ran second = run("sweep watch --serve " + std::to_string(port_));
  EXPECT_EQ(second.code, 1);
  EXPECT_THAT(second.err, HasSubstr("--serve 0 for any that is free"));
  EXPECT_EQ(second.out, "");
  EXPECT_EQ(stop(SIGINT), 0) << read("watch.txt");
}

TEST_F(LivePage, AStoreThatIsNotThereIsSaidBeforeAnythingIsServed) {
  const Ran ran = run("sweep watch --serve 0 --db nowhere.db");
  EXPECT_NE(ran.code, 0);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("nowhere.db"));
}

}  // namespace
}  // namespace isoflop
