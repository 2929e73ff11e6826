// SQLite's WAL needs memory shared by all processes that have the file open, which file systems
// shared between hosts do not give (sqlite.org/wal.html). They are known by statfs's magic number.
#ifndef ISOFLOP_DB_FILE_SYSTEM_H_
#define ISOFLOP_DB_FILE_SYSTEM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isoflop {

// "NFS", "Lustre", ...; empty for file systems of one host. FUSE and 9p pass: they are used for
// local disks as well, and statfs does not tell which.
std::optional<std::string_view> network_file_system(std::uint32_t magic);

// Throws Error(kStore) when `path`, or the folder it would be made in, lies on one of them.
void refuse_network_file_system(const std::string& path);

}  // namespace isoflop

#endif  // ISOFLOP_DB_FILE_SYSTEM_H_
