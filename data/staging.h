// A folder that appears complete or not at all, and files that close themselves.
//
// Errors: Error(kFailed) naming the path.
#ifndef ISOFLOP_DATA_STAGING_H_
#define ISOFLOP_DATA_STAGING_H_

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace isoflop {

class File {
 public:
  static File reading(const std::filesystem::path& path);
  static File creating(const std::filesystem::path& path);  // must not exist
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Fills `buffer` from where the last reading ended; fewer bytes only at the file's end.
  std::size_t read(std::span<char> buffer);
  void skip_to(std::int64_t offset);
  void write(std::string_view bytes);
  void sync();

 private:
  File(const std::filesystem::path& path, int flags);

  std::filesystem::path path_;
  int fd_;
};

// The folder under construction, TARGET.partial-<process>: removed with all it holds unless
// finish() gave it its name.
class Staging {
 public:
  explicit Staging(const std::filesystem::path& target);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void finish();

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
  bool done_ = false;
};

}  // namespace isoflop

#endif  // ISOFLOP_DATA_STAGING_H_
