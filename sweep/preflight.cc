#include "sweep/preflight.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <map>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/schedule.h"
#include "core/units.h"
#include "sweep/cost.h"
#include "sweep/memory_watch.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr double kTrialBytes = 4000;     // its rows in the store
constexpr double kPointBytes = 100;      // of a curve
constexpr double kTabularMemory = 30e6;  // a process without LibTorch
constexpr int kStatesOfATrial = 3;

bool is_tabular(const Trial& trial) { return trial.trainer == "tabular"; }

double state_bytes(const Trial& trial) { return is_tabular(trial) ? 0 : 16 * params_of(trial); }

double sum_of_largest(std::vector<double> values, int count) {
  std::sort(values.begin(), values.end(), std::greater<>());
  double sum = 0;
  for (std::size_t i = 0; i < values.size() && i < static_cast<std::size_t>(count); ++i) {
    sum += values[i];
  }
  return sum;
}

// --- Disk.

double store_bytes(const PreflightNeeds& needs) {
  double bytes = 0;
  for (const Trial& trial : needs.trials) {
    const double steps = static_cast<double>(std::max<std::int64_t>(steps_of(trial), 1));
    bytes += kTrialBytes + kPointBytes * (is_tabular(trial) ? 8 : 32 * std::log2(steps) + 32);
  }
  return bytes;
}

double checkpoint_bytes(const PreflightNeeds& needs) {
  std::map<std::string, double> trunks;
  std::vector<double> states;
  for (const Trial& trial : needs.trials) {
    states.push_back(kStatesOfATrial * state_bytes(trial));
    const std::string trunk = trunk_identity(trial);
    if (!trunk.empty()) trunks[trunk] = state_bytes(trial);
  }
  double bytes = sum_of_largest(states, needs.workers);
  for (const auto& [trunk, state] : trunks) bytes += state;
  return bytes;
}

struct DiskNeed {
  const PlaceFact* place = nullptr;  // the one that needs most there
  double largest = 0;
  double bytes = 0;
};

void check_disks(const PreflightFacts& facts, const PreflightNeeds& needs) {
  std::map<std::uint64_t, DiskNeed> disks;
  const auto add = [&](const PlaceFact& place, double bytes) {
    bytes = std::max(0.0, bytes - place.bytes_there);
    DiskNeed& need = disks[place.disk];
    need.bytes += bytes;
    if (need.place != nullptr && bytes <= need.largest) return;
    need.place = &place;
    need.largest = bytes;
  };
  add(facts.store, store_bytes(needs));
  if (facts.checkpoints) add(*facts.checkpoints, checkpoint_bytes(needs));
  for (const auto& [disk, need] : disks) {
    const DiskSpace& space = need.place->space;
    const double reserve = disk_reserve(space);
    if (space.total == 0 || space.free >= need.bytes + reserve) continue;
    throw Error(ErrorKind::kFailed,
                "disk: " + need.place->path + ": the sweep needs about " +
                    format_bytes(need.bytes + reserve) + " there, and " + format_bytes(space.free) +
                    " are free; make room, put the store elsewhere with --db, or keep fewer "
                    "checkpoints with fewer --workers or --no-checkpoints",
                kDiskFull);
  }
}

void check_writable(const PlaceFact& place) {
  if (place.trouble.empty()) return;
  throw Error(ErrorKind::kFailed,
              "sweep: " + place.path + ": cannot be written to: " + place.trouble +
                  "; make it writable, or put the store elsewhere with --db",
              "not_writable");
}

// --- Memory.

double memory_of(const Trial& trial) {
  return is_tabular(trial) ? kTabularMemory : memory_bytes(trial);
}

// Less the program itself, which is an estimate.
double least_memory_of(Trial trial) {
  if (is_tabular(trial)) return 0;
  trial.train.batch = 1;
  Trial nothing;
  nothing.trainer = "tabular";
  return memory_bytes(trial) - memory_bytes(nothing);
}

void check_largest(double available, const PreflightNeeds& needs) {
  for (const Trial& trial : needs.trials) {
    const double least = least_memory_of(trial);
    if (least <= available) continue;
    throw Error(ErrorKind::kFailed,
                "memory: a trial of " + format_quantity(params_of(trial)) + " parameters needs " +
                    format_bytes(least) + " even for one sequence at a time, and " +
                    format_bytes(available) +
                    " are available; leave out such sizes, or run them on a larger machine",
                "memory");
  }
}

std::vector<std::string> memory_notes(double available, const PreflightNeeds& needs) {
  std::vector<double> each;
  for (const Trial& trial : needs.trials) each.push_back(memory_of(trial));
  const int most = std::min(needs.workers, static_cast<int>(each.size()));
  if (sum_of_largest(each, most) <= available) return {};
  int fit = most;
  while (fit > 1 && sum_of_largest(each, fit) > available) --fit;
  return {"memory: the " + std::to_string(most) + " largest trials take up to " +
          format_bytes(sum_of_largest(each, most)) + " together, and " + format_bytes(available) +
          " are available: " + std::to_string(fit) + (fit == 1 ? " worker fits" : " workers fit") +
          " for certain (--workers " + std::to_string(fit) +
          "); with more, a trial that is killed for memory is tried again with half the "
          "micro-batch"};
}

// --- Corpora.

void check_corpus(const CorpusFact& corpus) {
  const auto bad = [&](const std::string& why) {
    throw Error(ErrorKind::kFailed, "corpus: " + corpus.path + ": " + why, "corpus");
  };
  if (!corpus.trouble.empty()) bad(corpus.trouble);
  if (corpus.identity == corpus.expected_identity) return;
  bad("is not the corpus that the trials name (has " + corpus.identity.substr(0, 12) +
      ", they name " + corpus.expected_identity.substr(0, 12) +
      "); bring that one back, or run the sweep under another name with --study");
}

// --- Gathering.

// What the system says to a file in the folder; empty: it took it.
std::string try_writing(const std::string& folder) {
  const std::string file = folder + "/.isoflop-write-test-" + std::to_string(::getpid());
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return std::strerror(errno);
  const ssize_t written = ::write(fd, "x", 1);
  const int why = errno;
  ::close(fd);
  ::unlink(file.c_str());
  return written == 1 ? "" : std::strerror(why);
}

double bytes_below(const std::string& folder) {
  double bytes = 0;
  std::error_code ignored;
  for (fs::recursive_directory_iterator entry(folder, ignored), end; entry != end;
       entry.increment(ignored)) {
    const auto size = entry->file_size(ignored);
    if (!ignored && entry->is_regular_file(ignored)) bytes += static_cast<double>(size);
  }
  return bytes;
}

PlaceFact look_at(const std::string& folder) {
  PlaceFact place{.path = folder};
  std::error_code why;
  fs::create_directories(folder, why);
  place.trouble = why ? why.message() : try_writing(folder);
  struct stat about {};
  if (::stat(folder.c_str(), &about) == 0) place.disk = about.st_dev;
  place.space = disk_space(folder).value_or(DiskSpace{});
  return place;
}

}  // namespace

std::vector<std::string> preflight(const PreflightFacts& facts, const PreflightNeeds& needs) {
  if (needs.trials.empty()) return {};
  check_writable(facts.store);
  check_writable(facts.logs);
  if (facts.checkpoints) check_writable(*facts.checkpoints);
  check_disks(facts, needs);
  for (const CorpusFact& corpus : facts.corpora) check_corpus(corpus);
  if (!needs.on_cpu || facts.memory_bytes <= 0) return {};
  check_largest(facts.memory_bytes, needs);
  return memory_notes(facts.memory_bytes, needs);
}

PreflightFacts gather_facts(const PreflightPlaces& places) {
  const fs::path folder = fs::path(places.db).parent_path();
  PreflightFacts facts{
      .store = look_at(folder.empty() ? "." : folder.string()),
      .logs = look_at(places.log_dir.empty() ? places.db + ".logs" : places.log_dir),
      .memory_bytes = available_memory()};
  if (!places.checkpoint_dir.empty()) {
    facts.checkpoints = look_at(places.checkpoint_dir);
    facts.checkpoints->bytes_there = bytes_below(places.checkpoint_dir);
  }
  for (CorpusFact corpus : places.corpora) {
    try {
      corpus.identity = places.open_corpus(corpus.path);
    } catch (const Error& error) {
      corpus.trouble = error.what();
    }
    facts.corpora.push_back(corpus);
  }
  return facts;
}

}  // namespace isoflop
