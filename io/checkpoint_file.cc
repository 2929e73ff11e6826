#include "io/checkpoint_file.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "core/disk_space.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/units.h"
#include "io/atomic_file.h"
#include "io/json.h"

namespace isoflop {
namespace {

constexpr std::string_view kMagic = "ISOFCKP1";
constexpr std::size_t kHashLength = 64;
constexpr std::size_t kSums = 5;
constexpr std::size_t kPointNumbers = 9;
constexpr std::size_t kRouterNumbers = kRouterStatsFields.size();
constexpr double kAbsent = std::numeric_limits<double>::quiet_NaN();

Error damaged(const std::string& path, const std::string& why) {
  return refusal("damaged_checkpoint", "checkpoint: " + path + ": " + why +
                                           ": it is not used; an older one beside it will do, or "
                                           "delete it to start over");
}

// --- Writing.

Json header_of(const Checkpoint& c) {
  Json fields = Json::object();
  for (const std::string& key : trial_keys()) fields[key] = get_key(c.trial, key);
  Json header = {{"trial", fields},
                 {"micro_batch", c.micro_batch},
                 {"step", c.step},
                 {"sequences", c.sequences},
                 {"loss_count", c.loss_count},
                 {"steps_above", c.steps_above},
                 {"curve", c.curve.size()},
                 {"weights", c.weights.size()},
                 {"gradients", c.gradients.size()}};
  if (c.trial.model.sparse()) header["router"] = true;
  return header;
}

template <class T>
void append(std::string& bytes, const std::vector<T>& values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

void append_router(const RouterStats& stats, std::vector<double>& all) {
  for (const auto& field : kRouterStatsFields) all.push_back(stats.*field.value);
}

std::vector<double> numbers_of(const Checkpoint& c) {
  std::vector<double> all{c.step_loss, c.first_loss, c.loss_sum, c.average_loss, c.seconds};
  const bool sparse = c.trial.model.sparse();
  if (sparse) append_router(c.step_router, all);
  if (sparse) append_router(c.router_sum, all);
  for (const CurvePoint& p : c.curve) {
    for (const double value : {static_cast<double>(p.step), p.tokens, p.flops, p.train_loss,
                               p.heldout_loss.value_or(kAbsent), p.heldout_error.value_or(kAbsent),
                               p.rate, p.grad_norm, p.seconds}) {
      all.push_back(value);
    }
    if (sparse) append_router(p.router.value_or(RouterStats{}), all);
  }
  return all;
}

// Some is left to the store, which may lie on the same disk and has to say how the sweep ended.
void require_room(const std::string& path, double bytes) {
  const auto space = disk_space(path);
  if (!space) return;
  const double reserve = disk_reserve(*space);
  if (space->free >= bytes + reserve) return;
  throw disk_full_error(path, "a checkpoint of " + format_bytes(bytes) + " and a reserve of " +
                                  format_bytes(reserve) + " do not fit");
}

// --- Reading.

// The arrays of a file whose checksum was right, one after the other.
class ArrayReader {
 public:
  ArrayReader(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  template <class T>
  std::vector<T> take(std::int64_t count) {
    const auto size = static_cast<std::size_t>(count);
    if (count < 0 || size > bytes_.size() / sizeof(T)) throw damaged(path_, "its arrays are short");
    std::vector<T> values(size);
    // An empty vector has no address, which memcpy may not be given.
    if (size > 0) std::memcpy(values.data(), bytes_.data(), size * sizeof(T));
    bytes_.remove_prefix(size * sizeof(T));
    return values;
  }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  const std::string& path_;
};

std::optional<double> present(double value) {
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

RouterStats router_of(const std::vector<double>& numbers, std::size_t first) {
  RouterStats stats;
  for (const auto& field : kRouterStatsFields) stats.*field.value = numbers[first++];
  return stats;
}

// A sparse model's points are longer by the router's statistics.
CurvePoint point_of(const std::vector<double>& n) {
  CurvePoint point{.step = static_cast<std::int64_t>(n[0]),
                   .tokens = n[1],
                   .flops = n[2],
                   .train_loss = n[3],
                   .heldout_loss = present(n[4]),
                   .heldout_error = present(n[5]),
                   .rate = n[6],
                   .grad_norm = n[7],
                   .seconds = n[8]};
  if (n.size() > kPointNumbers) point.router = router_of(n, kPointNumbers);
  return point;
}

Trial trial_of_header(const JsonReader& header, const std::string& path) {
  const JsonReader fields = header.object("trial");
  Trial trial;
  for (const std::string& key : trial_keys()) {
    if (!fields.has(key.c_str())) {
      throw refusal("incompatible_checkpoint",
                    "checkpoint: " + path + ": does not say " + key +
                        ": another version of isoflop wrote it; go on with that version, or "
                        "delete it to start over");
    }
    set_key(trial, key, fields.text(key.c_str()));
  }
  return trial;
}

// What lies between the length of the header and the checksum, after both were checked.
std::string_view verified_body(std::string_view file, const std::string& path) {
  const std::size_t least = kMagic.size() + sizeof(std::uint64_t) + kHashLength;
  if (file.size() < least || file.substr(0, kMagic.size()) != kMagic) {
    throw damaged(path, "is not a checkpoint, or cut short");
  }
  const std::string_view body = file.substr(0, file.size() - kHashLength);
  if (sha256(body) != file.substr(body.size())) throw damaged(path, "its checksum is wrong");
  return body.substr(kMagic.size());
}

}  // namespace

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  const std::string header = header_of(checkpoint).dump();
  const std::uint64_t length = header.size();
  std::string bytes(kMagic);
  bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes += header;
  append(bytes, numbers_of(checkpoint));
  append(bytes, checkpoint.weights);
  append(bytes, checkpoint.means);
  append(bytes, checkpoint.squares);
  append(bytes, checkpoint.gradients);
  bytes += sha256(bytes);
  require_room(path, static_cast<double>(bytes.size()));
  write_file_atomically(path, bytes);
}

Checkpoint read_checkpoint(const std::string& path) {
  const std::string file = read_whole_file(path);
  std::string_view body = verified_body(file, path);
  std::uint64_t length = 0;
  std::memcpy(&length, body.data(), sizeof(length));
  body.remove_prefix(sizeof(length));
  if (length > body.size()) throw damaged(path, "its header is short");
  const Json json = parse_json(body.substr(0, length), path);
  body.remove_prefix(length);

  const JsonReader header(json, path);
  Checkpoint c{.trial = trial_of_header(header, path),
               .micro_batch = header.whole("micro_batch"),
               .step = header.whole("step"),
               .sequences = header.whole("sequences"),
               .loss_count = header.whole("loss_count"),
               .steps_above = header.whole("steps_above")};
  const bool sparse = header.has("router");
  ArrayReader arrays(body, path);
  const auto sums = arrays.take<double>(kSums);
  c.step_loss = sums[0];
  c.first_loss = sums[1];
  c.loss_sum = sums[2];
  c.average_loss = sums[3];
  c.seconds = sums[4];
  if (sparse) {
    c.step_router = router_of(arrays.take<double>(kRouterNumbers), 0);
    c.router_sum = router_of(arrays.take<double>(kRouterNumbers), 0);
  }
  for (std::int64_t i = 0; i < header.whole("curve"); ++i) {
    c.curve.push_back(point_of(arrays.take<double>(kPointNumbers + (sparse ? kRouterNumbers : 0))));
  }
  c.weights = arrays.take<float>(header.whole("weights"));
  c.means = arrays.take<float>(header.whole("weights"));
  c.squares = arrays.take<float>(header.whole("weights"));
  c.gradients = arrays.take<float>(header.whole("gradients"));
  if (!arrays.empty()) throw damaged(path, "has more in it than it says");
  return c;
}

}  // namespace isoflop
