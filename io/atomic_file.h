// Whole small files, in and out.
//
// Writing goes to a temporary file in the same folder, fsync, then rename, so that a reader sees
// the old text or the new one and a crash leaves no half of either. Errors: Error(kFailed) naming
// the file and what the system said, with code "disk_full" where the disk or the quota is
// (core/disk_space.h); a file to read that is not there is Error(kUsage). The temporary file is
// removed in either case.
#ifndef ISOFLOP_IO_ATOMIC_FILE_H_
#define ISOFLOP_IO_ATOMIC_FILE_H_

#include <string>
#include <string_view>

namespace isoflop {

void write_file_atomically(const std::string& path, std::string_view text);

std::string read_whole_file(const std::string& path);

}  // namespace isoflop

#endif  // ISOFLOP_IO_ATOMIC_FILE_H_
