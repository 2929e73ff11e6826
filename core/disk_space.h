// How much room a file system has, and the one error that says it has none.
//
// Error(kFailed, "disk_full") stops a sweep as a whole and cleanly: it is nobody's bug, and every
// trial would meet it. Whoever throws it has removed what it wrote in part.
#ifndef ISOFLOP_CORE_DISK_SPACE_H_
#define ISOFLOP_CORE_DISK_SPACE_H_

#include <optional>
#include <string>

#include "core/error.h"

namespace isoflop {

inline constexpr const char* kDiskFull = "disk_full";  // Error::code()

// Bytes, of the file system that a path lies on, or would lie on once its folders are made.
struct DiskSpace {
  double free = 0;  // that this user may use
  double total = 0;
};

// What a sweep leaves free, so that its store can always say how it ended: 64 MiB, or 5 % of a
// smaller disk.
double disk_reserve(const DiskSpace& space);

// Empty where the system does not say. Quotas are not seen by every file system.
std::optional<DiskSpace> disk_space(const std::string& path);

// "disk full: PATH: WHY; 1.00 MB are free there; make room ...".
Error disk_full_error(const std::string& path, const std::string& why);

// ENOSPC and EDQUOT.
bool means_disk_full(int error_number);

}  // namespace isoflop

#endif  // ISOFLOP_CORE_DISK_SPACE_H_
