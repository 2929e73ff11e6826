// A small disk of the test's own, which can be filled: a tmpfs in a mount namespace of this
// process, so that it goes with the process, however that ends.
#ifndef ISOFLOP_TESTS_FAULTS_PRIVATE_DISK_H_
#define ISOFLOP_TESTS_FAULTS_PRIVATE_DISK_H_

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <unistd.h>
#include <vector>

namespace isoflop {

class PrivateDisk {
 public:
  // Call from the process' only thread. why() is empty when the disk is there.
  PrivateDisk(std::string folder, std::int64_t bytes) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
    if (enter_namespace() && mount_it(bytes)) return;
    why_ = "no tmpfs can be mounted at " + folder_ + ": " + std::strerror(errno) +
           ": run the test as root, or where unprivileged user namespaces are allowed";
  }
  ~PrivateDisk() {
    if (!why_.empty()) return;
    while (::umount2(folder_.c_str(), MNT_DETACH) == 0) {  // bind_it has mounted one below
    }
  }
  PrivateDisk(const PrivateDisk&) = delete;
  PrivateDisk& operator=(const PrivateDisk&) = delete;

  const std::string& folder() const { return folder_; }
  const std::string& why() const { return why_; }

  // Until not a byte more can be written.
  void fill() const {
    const int file = ::open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::vector<char> zeros(1 << 16);
    for (std::size_t size = zeros.size(); size > 0;) {
      if (::write(file, zeros.data(), size) <= 0) size /= 2;
    }
    ::close(file);
  }
  // What others have freed since is taken too.
  void keep_full() const { fill_at_end(); }
  void free() const { std::filesystem::remove(filler()); }

 private:
  std::string filler() const { return folder_ + "/filler"; }

  void fill_at_end() const {
    const int file = ::open(filler().c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    const std::vector<char> page(4096);
    while (::write(file, page.data(), page.size()) > 0) {
    }
    ::close(file);
  }

  static bool write_line(const char* path, const std::string& line) {
    std::ofstream file(path);
    return static_cast<bool>(file << line << std::flush);
  }

  // Without root, root of a user namespace of one's own.
  static bool enter_namespace() {
    if (::unshare(CLONE_NEWNS) == 0) return true;
    const uid_t user = ::getuid();
    const gid_t group = ::getgid();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    return write_line("/proc/self/setgroups", "deny") &&
           write_line("/proc/self/uid_map", "0 " + std::to_string(user) + " 1") &&
           write_line("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
  }

  bool mount_it(std::int64_t bytes) const {
    // In a chroot "/" is no mount point; then the folder becomes one.
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 && !bind_it())
      return false;
    const std::string size = "size=" + std::to_string(bytes);
    return ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, size.c_str()) == 0;
  }

  bool bind_it() const {
    const char* folder = folder_.c_str();
    return ::mount(folder, folder, nullptr, MS_BIND, nullptr) == 0 &&
           ::mount("none", folder, nullptr, MS_PRIVATE, nullptr) == 0;
  }

  std::string folder_;
  std::string why_;
};

}  // namespace isoflop

#endif  // ISOFLOP_TESTS_FAULTS_PRIVATE_DISK_H_
