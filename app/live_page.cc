#include "app/live_page.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <httplib.h>
#include <map>
#include <memory>
#include <mutex>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "core/error.h"
#include "core/stopwatch.h"
#include "core/units.h"
#include "db/store.h"
#include "page/html.h"
#include "page/live_script.h"
#include "page/page_style.h"
#include "page/report_page.h"

namespace isoflop {
namespace {

constexpr const char* kLoopback = "127.0.0.1";
constexpr double kLookSeconds = 1;   // between looks at the store
constexpr double kLeastSeconds = 3;  // between pages, or as long as the last one took
constexpr int kMostFailures = 3;     // looks in a row that may fail before the page says so

// A page as it is served; never changed once it is made.
struct ServedPage {
  std::string version;
  std::string html;
  std::map<std::string, std::string> csv;  // by the figure's name
};

// Until the first page is made, or where it cannot be.
ServedPage page_of_words(const std::string& version, const std::string& words) {
  return {.version = version,
          .html = "<!DOCTYPE html>\n<html lang=\"en\" data-version=\"" + escaped(version) +
                  "\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                  "content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" "
                  "href=\"data:,\"><title>isoflop</title><style>" +
                  page_style() +
                  "</style></head>\n<body><header><h1>isoflop</h1><p class=\"meta\">" +
                  "<span id=\"live-state\" role=\"status\">live</span></p></header>\n"
                  "<main id=\"main\"><p class=\"empty\">" +
                  escaped(words) + "</p></main>\n<footer></footer>\n<script>" +
                  std::string(live_script()) + "</script></body>\n</html>\n",
          .csv = {}};
}

// The newest page, handed from the thread that makes it to those that serve it.
class Shelf {
 public:
  explicit Shelf(ServedPage page) { put(std::move(page)); }

  void put(ServedPage page) {
    auto made = std::make_shared<const ServedPage>(std::move(page));
    const std::lock_guard<std::mutex> lock(mutex_);
    page_ = std::move(made);
  }
  std::shared_ptr<const ServedPage> page() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return page_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const ServedPage> page_;
};

// What a page is made from: it changes when a trial ends, fails or is planned again.
std::string state_of(const ReportQuestion& question) {
  const Store store(question.input.db, StoreMode::kReadOnly);
  const SweepStatus status = store.status(question.input.study);
  std::string out;
  for (const std::int64_t count : {status.trials(), status.done, status.failed, status.diverged,
                                   status.out_of_memory, status.cancelled}) {
    out += std::to_string(count) + ' ';
  }
  return out;
}

ServedPage make_page(const ReportQuestion& question) {
  const ReportData data = gather_report(question);
  const auto drawn = draw_figures(data);
  ServedPage page{.version = exact_number(data.now),
                  .html = report_html(data, drawn, {.live = true}),
                  .csv = {}};
  for (const DrawnFigure& one : drawn) page.csv[one.figure.name] = one.csv;
  return page;
}

// Makes pages until it is told to stop.
class PageMaker {
 public:
  PageMaker(ReportQuestion question, Shelf& shelf)
      : question_(std::move(question)), shelf_(shelf), thread_([this] { work(); }) {}
  ~PageMaker() {
    stop_ = true;
    thread_.join();
  }
  PageMaker(const PageMaker&) = delete;
  PageMaker& operator=(const PageMaker&) = delete;

 private:
  void work() {
    // Of this thread alone, and of the processes that it starts: the sweep goes first.
    if (::nice(10) == -1) question_.fit.threads = 1;
    question_.fit.threads = 1;
    while (!stop_) {
      look();
      rest(kLookSeconds);
    }
  }

  void look() {
    try {
      const std::string state = state_of(question_);
      if (state != state_) {
        const Stopwatch watch;
        shelf_.put(make_page(question_));
        state_ = state;
        rest(std::max(kLeastSeconds, watch.seconds()));
      }
      failures_ = 0;
    } catch (const std::exception& error) {
      // The store may be locked for a moment, or be replaced by another; the last page stays.
      if (++failures_ >= kMostFailures && state_.empty()) {
        shelf_.put(page_of_words("failed", error.what()));
      }
    }
  }

  void rest(double seconds) const {
    const Stopwatch watch;
    while (!stop_ && watch.seconds() < seconds) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  ReportQuestion question_;
  Shelf& shelf_;
  std::string state_;
  int failures_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;  // last: it uses all of the above
};

// --- Answers.

void add_headers(httplib::Response& response) {
  response.set_header("Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; img-src data:; connect-src "
                      "'self'; script-src '" +
                          live_script_hash() +
                          "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_header("Referrer-Policy", "no-referrer");
  response.set_header("Cross-Origin-Resource-Policy", "same-origin");
  response.set_header("Cache-Control", "no-store");
}

void refuse(httplib::Response& response, int status, const std::string& why) {
  response.status = status;
  response.set_content(why + "\n", "text/plain; charset=utf-8");
}

// Names under which a browser of this machine can know the page.
bool is_own_name(const std::string& host, int port) {
  const std::string tail = ':' + std::to_string(port);
  return host == kLoopback + tail || host == "localhost" + tail ||
         (port == 80 && (host == kLoopback || host == "localhost"));
}

using Handled = httplib::Server::HandlerResponse;

void guard(httplib::Server& server, const int& port) {
  server.set_pre_routing_handler(
      [&port](const httplib::Request& request, httplib::Response& response) {
        add_headers(response);
        if (!is_own_name(request.get_header_value("Host"), port)) {
          refuse(response, 403, "this page answers to 127.0.0.1 and localhost only");
          return Handled::Handled;
        }
        if (request.method != "GET" && request.method != "HEAD") {
          response.set_header("Allow", "GET, HEAD");
          refuse(response, 405, "this page can only be read");
          return Handled::Handled;
        }
        return Handled::Unhandled;
      });
}

void route(httplib::Server& server, const Shelf& shelf, const LivePageOptions& options) {
  server.Get("/", [&shelf](const httplib::Request&, httplib::Response& response) {
    response.set_content(shelf.page()->html, "text/html; charset=utf-8");
  });
  server.Get("/version", [&shelf](const httplib::Request&, httplib::Response& response) {
    response.set_content(shelf.page()->version, "text/plain; charset=utf-8");
  });
  server.Get("/status.json", [&options](const httplib::Request&, httplib::Response& response) {
    try {
      response.set_content(options.status_json(), "application/json");
    } catch (const std::exception& error) {
      refuse(response, 503, error.what());
    }
  });
  server.Get(R"(/figure/([a-z_]+)\.csv)",
             [&shelf](const httplib::Request& request, httplib::Response& response) {
               const auto page = shelf.page();
               const auto found = page->csv.find(request.matches[1]);
               if (found == page->csv.end()) return refuse(response, 404, "no such figure");
               response.set_content(found->second, "text/csv; charset=utf-8");
             });
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty()) refuse(response, response.status, "not found; the report is at /");
  });
}

int bind_to(httplib::Server& server, int port) {
  // The library's own choice would let two servers share a port, each with half of the requests.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  // A connection an answer: nobody waits for idle ones when it ends.
  server.set_keep_alive_max_count(1);
  if (port == 0)
    port = server.bind_to_any_port(kLoopback);
  else if (!server.bind_to_port(kLoopback, port))
    port = -1;
  if (port > 0) return port;
  throw failure(
      "--serve: the port is taken, or this user may not have it: name another one, or "
      "--serve 0 for any that is free");
}

}  // namespace

void serve_live_page(const LivePageOptions& options) {
  state_of(options.question);  // a store that cannot be read is said before anything is served
  httplib::Server server;
  const int port = bind_to(server, options.port);
  guard(server, port);
  Shelf shelf(page_of_words("first", "The report is being made."));
  route(server, shelf, options);
  std::thread listening([&server] { server.listen_after_bind(); });
  {
    const PageMaker maker(options.question, shelf);
    options.ready("http://" + std::string(kLoopback) + ':' + std::to_string(port) + '/');
    while (!options.stop()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  server.stop();
  listening.join();
}

}  // namespace isoflop
