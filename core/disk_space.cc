#include "core/disk_space.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sys/statvfs.h>

#include "core/units.h"

namespace isoflop {

std::optional<DiskSpace> disk_space(const std::string& path) {
  std::error_code ignored;
  std::filesystem::path place = std::filesystem::absolute(path, ignored);
  struct statvfs about {};
  while (::statvfs(place.c_str(), &about) != 0) {
    if (errno != ENOENT || place == place.parent_path()) return std::nullopt;
    place = place.parent_path();
  }
  const auto block = static_cast<double>(about.f_frsize);
  return DiskSpace{.free = block * static_cast<double>(about.f_bavail),
                   .total = block * static_cast<double>(about.f_blocks)};
}

double disk_reserve(const DiskSpace& space) {
  constexpr double kReserveBytes = 64 * 1024 * 1024;
  constexpr double kReserveShare = 0.05;
  return std::min(kReserveBytes, kReserveShare * space.total);
}

Error disk_full_error(const std::string& path, const std::string& why) {
  const auto space = disk_space(path);
  return {ErrorKind::kFailed,
          "disk full: " + path + ": " + why +
              (space ? "; " + format_bytes(space->free) + " are free there" : "") +
              "; make room, then run the same command again",
          kDiskFull};
}

bool means_disk_full(int error_number) { return error_number == ENOSPC || error_number == EDQUOT; }

}  // namespace isoflop
