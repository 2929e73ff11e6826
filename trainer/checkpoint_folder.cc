#include "trainer/checkpoint_folder.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "core/disk_space.h"
#include "core/error.h"
#include "core/schedule.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKept = 2;
constexpr const char* kPrefix = "step-";
constexpr const char* kSuffix = ".ckpt";

struct CheckpointEntry {
  std::int64_t step = 0;
  fs::path path;
};

std::string checkpoint_name(std::int64_t step) {
  char text[48];
  std::snprintf(text, sizeof(text), "%s%012lld%s", kPrefix, static_cast<long long>(step), kSuffix);
  return text;
}

// Newest first. A folder that is not there has none.
std::vector<CheckpointEntry> checkpoints_in(const fs::path& folder) {
  std::vector<CheckpointEntry> found;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(folder, missing)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(kPrefix, 0) != 0 || entry.path().extension() != kSuffix) continue;
    found.push_back({std::strtoll(name.c_str() + 5, nullptr, 10), entry.path()});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.step > b.step; });
  return found;
}

// Keeps the newest of all, and the newest up to the one that was just written: a shorter trial may
// be on its way along a trunk that a longer one has left behind.
void prune(const fs::path& folder, std::int64_t written) {
  std::error_code gone_already;
  std::size_t ahead = 0, behind = 0;
  for (const CheckpointEntry& entry : checkpoints_in(folder)) {
    std::size_t& seen = entry.step > written ? ahead : behind;
    if (++seen > kKept) fs::remove(entry.path, gone_already);
  }
}

void make_folder(const fs::path& folder) {
  std::error_code why;
  fs::create_directories(folder, why);
  if (!why) return;
  if (means_disk_full(why.value())) throw disk_full_error(folder.string(), why.message());
  throw failure("checkpoints: " + folder.string() + ": cannot be made: " + why.message() +
                "; check that the folder above it is writable, or run without checkpoints");
}

bool before_branch(const Checkpoint& checkpoint, const Trial& trial) {
  return trial.train.schedule == "cooldown" && checkpoint.step <= schedule_of(trial).branch_step;
}

// Empty when the file is damaged, or was pruned by another process a moment ago.
std::optional<Checkpoint> try_read(const fs::path& path, std::vector<std::string>& notes) {
  try {
    return read_checkpoint(path.string());
  } catch (const Error& error) {
    if (error.code() == "damaged_checkpoint") {
      notes.emplace_back(error.what());
    } else if (fs::exists(path)) {
      throw;
    }
    return std::nullopt;
  }
}

}  // namespace

void require_same(const Checkpoint& checkpoint, const Trial& trial, const std::string& path) {
  const bool trunk = before_branch(checkpoint, trial);
  const auto found = trunk ? differences(trunk_of(checkpoint.trial), trunk_of(trial))
                           : differences(checkpoint.trial, trial);
  if (found.empty()) return;
  std::string list;
  for (const std::string& line : found) list += "\n  " + line;
  throw refusal("checkpoint_mismatch",
                "checkpoint: " + path + ": is of another trial, and cannot be gone on from: give " +
                    "the settings that it was made with, or start without it. Its own value, and " +
                    "yours:" + list);
}

CheckpointFolder::CheckpointFolder(const std::string& dir, const Trial& trial)
    : own_(fs::path(dir) / identity(trial).substr(0, 16)),
      trial_(trial),
      branch_step_(schedule_of(trial).branch_step) {
  const std::string trunk = trunk_identity(trial);
  if (!trunk.empty()) trunk_ = fs::path(dir) / trunk.substr(0, 16);
}

std::optional<Checkpoint> CheckpointFolder::newest(std::int64_t micro_batch,
                                                   std::vector<std::string>& notes) const {
  std::vector<CheckpointEntry> all = checkpoints_in(own_);
  if (!trunk_.empty()) {
    for (const CheckpointEntry& entry : checkpoints_in(trunk_)) {
      if (entry.step <= branch_step_) all.push_back(entry);
    }
  }
  for (const CheckpointEntry& entry : all) {
    const auto checkpoint = try_read(entry.path, notes);
    if (!checkpoint) continue;
    if (checkpoint->micro_batch != micro_batch) {
      notes.push_back("checkpoint: " + entry.path.string() +
                      ": passed over: was made with micro-batches of " +
                      std::to_string(checkpoint->micro_batch) + " sequences, these are of " +
                      std::to_string(micro_batch) + " (0: the whole batch)");
      continue;
    }
    require_same(*checkpoint, trial_, entry.path.string());
    return checkpoint;
  }
  return std::nullopt;
}

std::string CheckpointFolder::save(Checkpoint checkpoint) const {
  const bool trunk = before_branch(checkpoint, trial_);
  const fs::path& folder = trunk ? trunk_ : own_;
  checkpoint.trial = trunk ? trunk_of(trial_) : trial_;
  make_folder(folder);
  const fs::path path = folder / checkpoint_name(checkpoint.step);
  write_checkpoint(path.string(), checkpoint);
  prune(folder, checkpoint.step);
  return path.string();
}

void CheckpointFolder::remove_own() const {
  std::error_code not_there;
  fs::remove_all(own_, not_there);
  const auto left = trunk_.empty() ? std::vector<CheckpointEntry>() : checkpoints_in(trunk_);
  for (std::size_t i = 1; i < left.size(); ++i) fs::remove(left[i].path, not_there);
}

}  // namespace isoflop
