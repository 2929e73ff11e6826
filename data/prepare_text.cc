#include "data/prepare_text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <unistd.h>

#include "core/error.h"
#include "core/hash.h"
#include "data/split.h"
#include "data/token_file.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFewestBlocks = 20;
constexpr std::int64_t kSmallestBlock = 1024;

struct InputFile {
  fs::path path;
  std::string licence;
};

std::string system_says() { return std::strerror(errno); }

// An open file that closes itself.
class File {
 public:
  File(const fs::path& path, int flags) : path_(path), fd_(::open(path.c_str(), flags, 0644)) {
    if (fd_ < 0)
      throw failure("prepare: " + path.string() + ": cannot be opened: " + system_says());
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Bytes read into `buffer`; 0 at the end.
  size_t read(std::vector<char>& buffer) {
    const ssize_t count = ::read(fd_, buffer.data(), buffer.size());
    if (count < 0)
      throw failure("prepare: " + path_.string() + ": reading failed: " + system_says());
    return static_cast<size_t>(count);
  }
  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count < 0)
        throw failure("prepare: " + path_.string() + ": writing failed: " + system_says());
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }
  void sync() {
    if (::fsync(fd_) != 0)
      throw failure("prepare: " + path_.string() + ": fsync failed: " + system_says());
  }

 private:
  fs::path path_;
  int fd_;
};

// The folder under construction: removed with all it holds unless it got its name.
class Staging {
 public:
  explicit Staging(const fs::path& target)
      : target_(target), path_(target.string() + ".partial-" + std::to_string(::getpid())) {
    std::error_code error;
    fs::create_directories(target_.parent_path().empty() ? "." : target_.parent_path(), error);
    if (!fs::create_directory(path_, error)) {
      throw failure("prepare: " + path_.string() +
                    ": cannot be made: " + (error ? error.message() : "it exists already"));
    }
  }
  ~Staging() {
    std::error_code ignored;
    if (!done_) fs::remove_all(path_, ignored);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  const fs::path& path() const { return path_; }
  void finish() {
    File(path_, O_RDONLY | O_DIRECTORY).sync();
    std::error_code error;
    fs::rename(path_, target_, error);
    if (error) {
      throw failure("prepare: " + target_.string() + ": cannot get its name: " + error.message());
    }
    done_ = true;
  }

 private:
  fs::path target_;
  fs::path path_;
  bool done_ = false;
};

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

std::vector<fs::path> files_of(const TextInput& input, std::vector<std::string>& notes) {
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
    if (files.empty()) {
      throw usage_error("prepare: " + input.path +
                        ": holds no files that are not hidden: name a "
                        "folder of text files");
    }
    return files;
  } catch (const fs::filesystem_error& error) {
    throw failure("prepare: " + input.path + ": cannot be listed: " + error.code().message());
  }
}

std::vector<InputFile> collect(const PrepareOptions& options, std::vector<std::string>& notes) {
  if (options.inputs.empty()) {
    throw usage_error("prepare: no input: name text files or folders");
  }
  std::vector<InputFile> files;
  std::set<fs::path> seen;
  for (const TextInput& input : options.inputs) {
    for (const fs::path& path : files_of(input, notes)) {
      if (!seen.insert(fs::canonical(path)).second) {
        throw usage_error("prepare: " + path.string() +
                          ": is given twice: its text would be both "
                          "trained on and held out; name it once");
      }
      files.push_back({path, input.licence});
    }
  }
  return files;
}

void check_text(const InputFile& file, std::string_view bytes, std::int64_t offset) {
  const size_t nul = bytes.find('\0');
  if (nul == std::string_view::npos) return;
  throw usage_error(
      "prepare: " + file.path.string() + ": byte " +
      std::to_string(offset + static_cast<std::int64_t>(nul)) +
      " is NUL: not a text file (binary, or UTF-16, which must be converted to UTF-8); "
      "leave it out");
}

// Appends one file to the tokens.
CorpusSource append(const InputFile& file, File& tokens, Sha256& all) {
  File in(file.path, O_RDONLY | O_CLOEXEC);
  CorpusSource source{
      .name = file.path.filename().string(), .bytes = 0, .sha256 = "", .licence = file.licence};
  std::vector<char> buffer(1 << 20);
  Sha256 own;
  while (const size_t count = in.read(buffer)) {
    const std::string_view bytes(buffer.data(), count);
    check_text(file, bytes, source.bytes);
    own.update(bytes);
    all.update(bytes);
    tokens.write(bytes);
    source.bytes += static_cast<std::int64_t>(count);
  }
  if (source.bytes == 0) {
    throw usage_error("prepare: " + file.path.string() + ": is empty: leave it out");
  }
  source.sha256 = own.hex();
  return source;
}

void note_copies(const std::vector<CorpusSource>& sources, std::vector<std::string>& notes) {
  std::map<std::string, std::string> first;
  for (const CorpusSource& source : sources) {
    const auto [known, is_new] = first.emplace(source.sha256, source.name);
    if (is_new) continue;
    notes.push_back(source.name + " has the same bytes as " + known->second +
                    ": text that is held out in one may be trained on in the other");
  }
}

std::int64_t block_size(const PrepareOptions& options, const std::string& name,
                        std::int64_t tokens) {
  const std::int64_t block =
      options.block_tokens > 0 ? options.block_tokens : default_block_tokens(tokens);
  if (tokens >= kFewestBlocks * block) return block;
  throw refusal("corpus_too_small",
                "prepare: corpus " + name + ": " + std::to_string(tokens) +
                    " bytes are fewer than " + std::to_string(kFewestBlocks) + " blocks of " +
                    std::to_string(block) + ", too few to hold some out: add text" +
                    (block > kSmallestBlock ? " or choose smaller blocks" : ""));
}

// Writes tokens.bin and fills the manifest but for the split.
CorpusManifest write_tokens(const std::vector<InputFile>& files, const fs::path& path) {
  CorpusManifest manifest;
  File tokens(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
  Sha256 all;
  for (const InputFile& file : files) {
    manifest.sources.push_back(append(file, tokens, all));
    manifest.tokens += manifest.sources.back().bytes;
  }
  tokens.sync();
  manifest.text_bytes = manifest.tokens;
  manifest.tokens_sha256 = all.hex();
  return manifest;
}

void set_split(const PrepareOptions& options, CorpusManifest& manifest) {
  manifest.block_tokens = block_size(options, manifest.name, manifest.tokens);
  manifest.split_seed = options.split_seed;
  manifest.heldout_fraction = options.heldout_fraction;
  const BlockSplit split = split_blocks(manifest.tokens, manifest.block_tokens, options.split_seed,
                                        options.heldout_fraction);
  manifest.train_tokens = split.train_tokens();
  manifest.heldout_tokens = split.heldout_tokens();
}

fs::path output_folder(const PrepareOptions& options) {
  const fs::path given(options.out_dir);
  const fs::path out = given.has_filename() ? given : given.parent_path();
  if (out.empty()) throw usage_error("prepare: no output folder: name one");
  std::error_code ignored;
  if (fs::exists(out, ignored) && !fs::is_empty(out, ignored)) {
    throw usage_error("prepare: " + out.string() +
                      ": exists already: name another folder, or remove "
                      "it first");
  }
  return out;
}

}  // namespace

PreparedText prepare_text(
    const PrepareOptions& options,
    const std::function<void(const CorpusManifest&, const std::string& path)>& write_manifest) {
  PreparedText prepared;
  const fs::path out = output_folder(options);
  const std::vector<InputFile> files = collect(options, prepared.notes);

  Staging staging(out);
  CorpusManifest& manifest = prepared.manifest;
  manifest = write_tokens(files, staging.path() / kTokenFileName);
  manifest.name = options.name.empty() ? out.filename().string() : options.name;
  set_split(options, manifest);
  note_copies(manifest.sources, prepared.notes);
  write_manifest(manifest, (staging.path() / "manifest.json").string());
  staging.finish();
  return prepared;
}

}  // namespace isoflop
