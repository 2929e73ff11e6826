#include "app/task_folder.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "core/stopwatch.h"
#include "io/attempt_file.h"

namespace isoflop {
namespace {

constexpr double kListedSeconds = 1;

class FileAttempt : public TaskAttempt {
 public:
  FileAttempt(const std::string& folder, const ForeignAttempt& header) : file_(folder, header) {}

  void append_curve(std::span<const CurvePoint> points) override { file_.append(points); }
  bool heartbeat(double tokens_done) override {
    file_.heartbeat(tokens_done);
    return true;
  }
  void end(const Outcome& outcome, bool final) override { file_.end(outcome, final); }

 private:
  AttemptFile file_;
};

class FolderAttempts : public TaskAttempts {
 public:
  explicit FolderAttempts(std::string folder) : folder_(std::move(folder)) {}

  std::vector<ForeignAttempt> of(const std::string& identity) override {
    std::vector<ForeignAttempt> found;
    for (const std::string& path : listed(identity)) {
      AttemptRead read = read_attempt(path);
      if (read.usable && read.attempt.identity == identity) {
        found.push_back(std::move(read.attempt));
      }
    }
    std::sort(found.begin(), found.end(), [](const ForeignAttempt& a, const ForeignAttempt& b) {
      return std::tie(a.started, a.origin) < std::tie(b.started, b.origin);
    });
    return found;
  }

  std::unique_ptr<TaskAttempt> begin(const ForeignAttempt& header) override {
    listed_ = {};
    return std::make_unique<FileAttempt>(folder_, header);
  }

 private:
  // Files of the trial. The folder may hold tens of thousands on a distant disk, so that it is not
  // listed for every trial anew.
  std::vector<std::string> listed(const std::string& identity) {
    if (listed_.empty() || since_.seconds() > kListedSeconds) {
      listed_ = attempt_files(folder_);
      since_.restart();
    }
    std::vector<std::string> found;
    for (const std::string& path : listed_) {
      if (origin_of(path).rfind(identity.substr(0, kShortIdentity) + ".", 0) == 0) {
        found.push_back(path);
      }
    }
    return found;
  }

  std::string folder_;
  std::vector<std::string> listed_ = {};
  Stopwatch since_ = {};
};

}  // namespace

std::unique_ptr<TaskAttempts> attempts_in(const std::string& folder) {
  return std::make_unique<FolderAttempts>(folder);
}

}  // namespace isoflop
