#include "app/task_folder.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "io/attempt_file.h"

namespace isoflop {
namespace {

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
    for (const std::string& path : attempt_files(folder_, identity)) {
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
    return std::make_unique<FileAttempt>(folder_, header);
  }

 private:
  std::string folder_;
};

}  // namespace

std::unique_ptr<TaskAttempts> attempts_in(const std::string& folder) {
  return std::make_unique<FolderAttempts>(folder);
}

}  // namespace isoflop
