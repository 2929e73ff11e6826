#include "db/file_system.h"

#include <filesystem>
#include <sys/vfs.h>

#include "core/error.h"

namespace isoflop {
namespace {

struct Known {
  std::uint32_t magic;
  std::string_view name;
};

// From statfs(2) and the kernel's magic.h; GPFS, PanFS and BeeGFS from their own sources.
constexpr Known kNetworkFileSystems[] = {
    {0x6969, "NFS"},      {0x517B, "SMB"},          {0xFF534D42, "CIFS"},   {0xFE534D42, "SMB2"},
    {0x5346414F, "AFS"},  {0x6B414653, "AFS"},      {0x73757245, "Coda"},   {0x0BD00BD0, "Lustre"},
    {0x47504653, "GPFS"}, {0x00C36400, "Ceph"},     {0x19830326, "BeeGFS"}, {0x7461636F, "OCFS2"},
    {0x01161970, "GFS2"}, {0x20030528, "OrangeFS"}, {0xAAD7AAEA, "PanFS"},
};

}  // namespace

std::optional<std::string_view> network_file_system(std::uint32_t magic) {
  for (const Known& known : kNetworkFileSystems) {
    if (known.magic == magic) return known.name;
  }
  return std::nullopt;
}

void refuse_network_file_system(const std::string& path) {
  std::filesystem::path place = path;
  if (!std::filesystem::exists(place)) place = place.parent_path();
  if (place.empty()) place = ".";
  struct statfs about {};
  if (::statfs(place.c_str(), &about) != 0) return;  // opening the file will say what is wrong
  const auto name = network_file_system(static_cast<std::uint32_t>(about.f_type));
  if (!name) return;
  throw Error(ErrorKind::kStore,
              "store: " + path + ": lies on " + std::string(*name) +
                  ", a network file system, where several processes cannot share a SQLite file "
                  "safely; put the store on a local disk, e.g. --db /tmp/" +
                  std::filesystem::path(path).filename().string() +
                  ", and copy it here when the sweep has ended",
              "network_file_system");
}

}  // namespace isoflop
