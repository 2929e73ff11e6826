// TensorBoard's event files, in and out.
//
// A file is a sequence of TFRecords:
//   length   8 bytes, little endian
//   check    4 bytes, masked CRC-32C of the length
//   data     `length` bytes: a protobuf Event {1: wall_time, 2: step, 3: file_version, 5: Summary}
//   check    4 bytes, masked CRC-32C of the data
//   masked   ((crc >> 15) | (crc << 17)) + 0xa282ead8
// The first event says "brain.Event:2". A scalar is a Summary value with a tag and either
// simple_value or, since TensorBoard 2, a tensor with one number. Hyperparameters, as the HParams
// tab shows them, are a value "_hparams_/session_start_info".
//
// Reading: a record that ends beyond the file is the last one of a file that is still being
// written: it is left out and `torn_at` says where it begins. Anything else that does not fit is
// Error(kUsage) "file: byte N: what".
// Writing: numbers are float32, as TensorBoard keeps them; hyperparameters are double. The same
// calls give the same bytes.
// Sources: TensorFlow's record_writer.h, event.proto, summary.proto, tensor.proto; TensorBoard's
// hparams plugin_data.proto.
#ifndef ISOFLOP_IMPORTS_TENSORBOARD_EVENTS_H_
#define ISOFLOP_IMPORTS_TENSORBOARD_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "imports/tracker_run.h"

namespace isoflop {

// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), and TensorFlow's masking of it.
std::uint32_t crc32c(std::string_view bytes);
std::uint32_t masked_crc32c(std::string_view bytes);

struct TensorBoardEvents {
  std::map<std::string, std::vector<TrackedValue>> scalars;  // by tag, in the order of the file
  std::map<std::string, std::string> hparams;                // numbers at full precision
  std::string version;                                       // "brain.Event:2"
  std::int64_t records = 0;
  std::optional<std::size_t> torn_at;
};

// Whether the bytes begin with a record's length and its right check.
bool begins_with_record(std::string_view bytes);

TensorBoardEvents read_tensorboard_events(std::string_view bytes, const std::string& name);

using TensorBoardParam = std::variant<double, std::string>;

class TensorBoardWriter {
 public:
  // `wall_time`: Unix seconds of the file's beginning. Nothing is on disk before save().
  TensorBoardWriter(std::string path, double wall_time);

  // The run's hyperparameters, once.
  void add_hparams(const std::vector<std::pair<std::string, TensorBoardParam>>& hparams);
  void add_scalars(std::int64_t step, double wall_time,
                   const std::vector<std::pair<std::string, double>>& scalars);

  const std::string& bytes() const { return bytes_; }
  // Replaces the file, whole or not at all. Errors as io/atomic_file.h.
  void save() const;

 private:
  void add_record(std::string_view event);

  std::string path_;
  std::string bytes_;
  double wall_time_ = 0;
};

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_TENSORBOARD_EVENTS_H_
