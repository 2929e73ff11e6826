#include "data/input_files.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string_view>

#include "core/error.h"
#include "data/shard_formats.h"
#include "data/staging.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

// What a walk through a folder leaves out.
struct LeftOut {
  std::vector<std::string> hidden;
  std::vector<std::string> special;  // neither file nor folder
};

std::string sentence(const std::vector<std::string>& names, const char* what,
                     const fs::path& folder) {
  const auto first = std::min_element(names.begin(), names.end());
  return "left out " + std::to_string(names.size()) + " " + what + " below " + folder.string() +
         " (first: " + *first + ")";
}

std::vector<fs::path> files_below(const fs::path& folder, std::vector<std::string>& notes) {
  std::vector<fs::path> files;
  LeftOut left_out;
  for (auto it = fs::recursive_directory_iterator(folder); it != fs::recursive_directory_iterator();
       ++it) {
    const bool directory = it->is_directory();
    if (is_hidden(it->path())) {
      left_out.hidden.push_back(it->path().string());
      if (directory) it.disable_recursion_pending();
    } else if (it->is_regular_file()) {
      files.push_back(it->path());
    } else if (!directory || it->is_symlink()) {
      left_out.special.push_back(it->path().string());
    }
  }
  if (!left_out.hidden.empty()) notes.push_back(sentence(left_out.hidden, "hidden", folder));
  if (!left_out.special.empty()) {
    notes.push_back(sentence(left_out.special, "links to folders or special files", folder));
  }
  std::sort(files.begin(), files.end(),
            [](const fs::path& a, const fs::path& b) { return a.string() < b.string(); });
  return files;
}

bool may_hold_ids(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".bin" || extension == ".npy" || extension == ".idx";
}

// Of a folder's files those that can hold ids, when ids are what is asked for.
void keep_token_files(std::vector<fs::path>& files, const std::string& folder,
                      std::vector<std::string>& notes) {
  std::vector<std::string> others;
  for (const fs::path& file : files) {
    if (!may_hold_ids(file)) others.push_back(file.string());
  }
  if (others.empty()) return;
  notes.push_back(sentence(others, "files that are not named .bin or .npy", folder));
  std::erase_if(files, [](const fs::path& file) { return !may_hold_ids(file); });
}

std::vector<fs::path> files_of(const CorpusInput& input, bool raw_ids,
                               std::vector<std::string>& notes) {
  const fs::path path = input.path;
  try {
    if (fs::is_regular_file(path)) return {path};
    if (!fs::exists(path)) {
      throw usage_error("prepare: " + input.path + ": does not exist: check the path");
    }
    if (!fs::is_directory(path)) {
      throw usage_error("prepare: " + input.path + ": is neither a file nor a folder");
    }
    auto files = files_below(path, notes);
    if (raw_ids) keep_token_files(files, input.path, notes);
    if (!files.empty()) return files;
    throw usage_error("prepare: " + input.path + ": holds no files that " +
                      (raw_ids ? "are named .bin or .npy: name the token files"
                               : "are not hidden: name a folder of text files"));
  } catch (const fs::filesystem_error& error) {
    throw failure("prepare: " + input.path + ": cannot be listed: " + error.code().message());
  }
}

// The first bytes of a file.
std::string beginning(const fs::path& path) {
  std::string head(16, '\0');
  head.resize(File::reading(path).read(head));
  return head;
}

std::int32_t first_int(std::string_view head) {
  std::int32_t value = 0;
  if (head.size() >= sizeof value) std::memcpy(&value, head.data(), sizeof value);
  return value;
}

bool is_megatron_index(const fs::path& path) {
  return fs::is_regular_file(path) && beginning(path).starts_with(kMegatronMagic);
}

// The .bin of a Megatron pair, whichever of the two is named; empty if it is none.
fs::path megatron_bin(const fs::path& path) {
  if (path.extension() != ".idx" && path.extension() != ".bin") return {};
  if (!is_megatron_index(fs::path(path).replace_extension(".idx"))) return {};
  return fs::path(path).replace_extension(".bin");
}

struct Unreadable {
  std::string_view magic;
  const char* what;
  const char* next;
};

constexpr std::array<Unreadable, 6> kUnreadable{{
    {"\x1f\x8b", "gzip", "unpack it first (gunzip)"},
    {"\x28\xb5\x2f\xfd", "zstd", "unpack it first (zstd -d)"},
    {"\xfd"
     "7zXZ",
     "xz", "unpack it first (xz -d)"},
    {"BZh", "bzip2", "unpack it first (bunzip2)"},
    {"PK\x03\x04", "zip", "unpack it first (unzip)"},
    {"PAR1", "Parquet", "write its text column as JSONL first"},
}};

void refuse_unreadable(const fs::path& path, std::string_view head) {
  for (const Unreadable& kind : kUnreadable) {
    // BZh could begin a text; a compressed file's fourth byte is its level.
    if (!head.starts_with(kind.magic)) continue;
    if (kind.magic == "BZh" && head.substr(4, 2) != "1A") continue;
    throw usage_error("prepare: " + path.string() + ": is a " + kind.what + " file: " + kind.next);
  }
}

FileKind kind_of(const fs::path& path, TextFormat format, std::int64_t token_bytes) {
  if (!megatron_bin(path).empty()) return FileKind::kMegatron;
  const std::string head = beginning(path);
  const std::int32_t magic = first_int(head);
  if (magic == kLlmcMagic16 || magic == kLlmcMagic32 || magic == kLlmcMagicEval) {
    return FileKind::kLlmC;
  }
  if (head.starts_with(kNumpyMagic)) return FileKind::kNumpy;
  if (token_bytes > 0) return FileKind::kRawIds;
  refuse_unreadable(path, head);
  if (path.extension() == ".bin") {
    throw usage_error("prepare: " + path.string() +
                      ": is a .bin file without a header that we know: for ids as nanoGPT writes "
                      "them give --dtype u16 (or u32)");
  }
  const std::string extension = path.extension().string();
  const bool named_jsonl = extension == ".jsonl" || extension == ".ndjson";
  if (format == TextFormat::kJsonl || (format == TextFormat::kByName && named_jsonl)) {
    return FileKind::kJsonl;
  }
  return FileKind::kPlainText;
}

void refuse_mixed(const std::vector<InputFile>& files) {
  for (const InputFile& file : files) {
    if (holds_ids(file.kind) == holds_ids(files.front().kind)) continue;
    const bool first_ids = holds_ids(files.front().kind);
    const InputFile& ids = first_ids ? files.front() : file;
    const InputFile& text = first_ids ? file : files.front();
    throw usage_error("prepare: " + ids.path.string() + " holds token ids and " +
                      text.path.string() +
                      " text: make a corpus of each, or name only the token files");
  }
}

}  // namespace

bool holds_ids(FileKind kind) { return kind != FileKind::kPlainText && kind != FileKind::kJsonl; }

std::vector<InputFile> collect_files(const std::vector<CorpusInput>& inputs, TextFormat format,
                                     std::int64_t token_bytes, std::vector<std::string>& notes) {
  if (inputs.empty()) throw usage_error("prepare: no input: name files or folders");
  std::vector<InputFile> files;
  std::set<fs::path> seen, pairs;
  for (const CorpusInput& input : inputs) {
    for (const fs::path& found : files_of(input, token_bytes > 0, notes)) {
      if (!seen.insert(fs::canonical(found)).second) {
        throw usage_error("prepare: " + found.string() +
                          ": is given twice: its text would be both trained on and held out; "
                          "name it once");
      }
      const FileKind kind = kind_of(found, format, token_bytes);
      const fs::path path = kind == FileKind::kMegatron ? megatron_bin(found) : found;
      // `data/*` names both files of a pair.
      if (kind == FileKind::kMegatron && !pairs.insert(fs::weakly_canonical(path)).second) continue;
      files.push_back({path, input.licence, kind});
    }
  }
  refuse_mixed(files);
  return files;
}

}  // namespace isoflop
