// The places that a sweep and a report use, for isoflop doctor.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sys/vfs.h>
#include <unistd.h>

#include "app/doctor.h"
#include "app/study.h"
#include "core/error.h"
#include "core/units.h"
#include "db/file_system.h"
#include "db/schema.h"
#include "db/store.h"
#include "figure/gnuplot.h"
#include "io/manifest_json.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

struct KnownFileSystem {
  std::uint32_t magic;
  const char* name;
};

// Of one host, from statfs(2).
constexpr KnownFileSystem kLocalFileSystems[] = {
    {0xEF53, "ext4"},        {0x58465342, "XFS"}, {0x9123683E, "btrfs"}, {0x01021994, "tmpfs"},
    {0x794C7630, "overlay"}, {0x2FC12FC1, "ZFS"}, {0x65735546, "FUSE"},  {0x01021997, "9p"},
    {0xF2F52010, "F2FS"},    {0x4D44, "FAT"},     {0x5346544E, "NTFS"},  {0x2011BAB0, "exFAT"},
    {0x858458F6, "ramfs"},   {0x9FA0, "proc"},    {0x62656572, "sysfs"}, {0xCA451A4E, "bcachefs"},
};

std::string file_system_name(std::uint32_t magic) {
  if (const auto network = network_file_system(magic)) return std::string(*network);
  for (const KnownFileSystem& known : kLocalFileSystems) {
    if (known.magic == magic) return known.name;
  }
  std::array<char, 16> number{};
  std::snprintf(number.data(), number.size(), "0x%X", magic);
  return number.data();
}

// What the system says to a file in a folder; empty: it can be written. Nothing stays.
std::string writing_trouble(const fs::path& folder) {
  std::string name = (folder / ".isoflop-doctor-XXXXXX").string();
  const int file = ::mkstemp(name.data());
  if (file < 0) return std::strerror(errno);
  const bool written = ::write(file, "x", 1) == 1;
  const int error = errno;
  ::close(file);
  ::unlink(name.c_str());
  return written ? "" : std::strerror(error);
}

// The folder that a file lies in or would lie in.
fs::path folder_of(const std::string& file) {
  const fs::path parent = fs::path(file).parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

DiskFacts disk_facts(const fs::path& folder) {
  DiskFacts facts{.folder = fs::absolute(folder).lexically_normal().string()};
  struct statfs about {};
  if (::statfs(folder.c_str(), &about) != 0) {
    facts.trouble = std::strerror(errno);
    return facts;
  }
  const auto magic = static_cast<std::uint32_t>(about.f_type);
  facts.file_system = file_system_name(magic);
  facts.network = network_file_system(magic).has_value();
  facts.trouble = writing_trouble(folder);
  if (const auto space = disk_space(folder.string())) facts.space = *space;
  return facts;
}

// PRAGMA user_version where it stands in the file (sqlite.org/fileformat.html, offset 60).
int version_in_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::array<char, 64> head{};
  if (!in.read(head.data(), head.size())) return 0;
  int version = 0;
  for (std::size_t i = 60; i < 64; ++i)
    version = version << 8 | static_cast<unsigned char>(head[i]);
  return version;
}

// The part of an Error's message after its last "; " or ": ", which says what to do.
std::string advice_in(const std::string& message) {
  const std::size_t semicolon = message.rfind("; ");
  return semicolon == std::string::npos ? "give another --db" : message.substr(semicolon + 2);
}

void add_corpora_of(const fs::path& root, std::set<std::string>& folders) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(root, none)) {
    if (entry.is_directory(none)) folders.insert(entry.path().string());
  }
}

}  // namespace

Check judge_disk(const DiskFacts& facts) {
  Check check{.name = "disk", .text = facts.folder};
  check.values = {{"folder", facts.folder}, {"file_system", facts.file_system}};
  if (facts.space.total > 0) {
    check.values["free_bytes"] = facts.space.free;
    check.text += ": " + format_bytes(facts.space.free) + " free of " +
                  format_bytes(facts.space.total) + ", " + facts.file_system;
  }
  if (!facts.trouble.empty()) {
    check.state = CheckState::kProblem;
    check.text += ": cannot be written: " + facts.trouble;
    check.next = "make the folder, or give a store elsewhere with --db";
  } else if (facts.network) {
    check.state = CheckState::kProblem;
    check.text += ", a network file system, where processes cannot share a SQLite file safely";
    check.next = "put the store on a local disk, e.g. --db /tmp/runs.db";
  } else if (facts.space.total > 0 && facts.space.free < disk_reserve(facts.space)) {
    check.state = CheckState::kProblem;
    check.text += "; a sweep leaves " + format_bytes(disk_reserve(facts.space)) + " free";
    check.next = "make room there, or give a store elsewhere with --db";
  }
  return check;
}

Check check_disk(const std::string& db) { return judge_disk(disk_facts(folder_of(db))); }

Check check_store(const std::string& db) {
  Check check{.name = "store", .text = db};
  check.values = {{"path", db}, {"program_schema", schema_version()}};
  std::error_code none;
  if (!fs::exists(db, none)) {
    check.text +=
        ": is not there yet; a sweep makes it, schema " + std::to_string(schema_version());
    return check;
  }
  try {
    const Store store(db, StoreMode::kReadOnly);
    check.text += ": schema " + std::to_string(schema_version()) + ", as this program's";
    check.values["schema"] = schema_version();
  } catch (const Error& error) {
    const int version = version_in_file(db);
    const bool older = error.code() == "incompatible" && version > 0 && version < schema_version();
    check.state = older ? CheckState::kNote : CheckState::kProblem;
    check.text = error.what();
    check.next = advice_in(error.what());
    if (error.code() == "incompatible" && version > 0) check.values["schema"] = version;
  }
  return check;
}

Check check_temporary_folder() {
  std::error_code error;
  const fs::path folder = fs::temp_directory_path(error);
  const std::string trouble = error ? error.message() : writing_trouble(folder);
  Check check{.name = "temporary", .text = folder.string() + ": can be written"};
  check.values = {{"folder", folder.string()}};
  if (trouble.empty()) return check;
  const char* named = std::getenv("TMPDIR");
  check.state = CheckState::kNote;
  check.text = (named != nullptr ? named : "/tmp") + std::string(": cannot be written: ") + trouble;
  check.next = "export TMPDIR=... with a folder that can be";
  return check;
}

Check check_corpora() {
  std::set<std::string> folders;
  if (const char* root = std::getenv("ISOFLOP_CORPORA")) add_corpora_of(root, folders);
  add_corpora_of("corpora", folders);
  Check check{.name = "corpora"};
  Json found = Json::array();
  for (const std::string& folder : folders) {
    if (!fs::exists(fs::path(folder) / kManifestFileName)) continue;
    try {
      const Corpus corpus = open_corpus(folder);
      const std::string identity = corpus.manifest.identity();
      found.push_back({{"dir", corpus.dir},
                       {"name", corpus.manifest.name},
                       {"tokens", corpus.manifest.tokens},
                       {"identity", identity}});
      check.text += (check.text.empty() ? "" : "; ") + corpus.manifest.name + ": " +
                    format_quantity(static_cast<double>(corpus.manifest.tokens)) + " tokens, " +
                    identity.substr(0, 12);
    } catch (const Error& error) {
      check.state = CheckState::kNote;
      check.text += (check.text.empty() ? "" : "; ") + std::string(error.what());
      check.next = "prepare it again: isoflop data prepare FILE... --out " + folder;
    }
  }
  check.values = {{"corpora", found}};
  if (!check.text.empty()) return check;
  check.state = CheckState::kNote;
  check.text = "none in ./corpora" +
               std::string(std::getenv("ISOFLOP_CORPORA") != nullptr ? " or $ISOFLOP_CORPORA" : "");
  check.next =
      "isoflop data prepare FILE... --out corpora/mine, or ./scripts/corpus; tabular "
      "sweeps need none";
  return check;
}

Check check_figures() {
  const std::string version = gnuplot_version();
  Check check{.name = "figures", .text = "gnuplot " + version};
  check.values = {{"gnuplot", version}};
  if (!version.empty()) return check;
  check.state = CheckState::kNote;
  check.text = "gnuplot is not installed: reports have no figures";
  check.next = "apt-get install gnuplot-nox";
  return check;
}

}  // namespace isoflop
