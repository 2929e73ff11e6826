#include <bit>

#include "imports/crc32.h"
#include "imports/event_fields.h"
#include "imports/proto_wire.h"
#include "imports/tensorboard_events.h"
#include "io/atomic_file.h"

namespace isoflop {

std::uint32_t crc32c(std::string_view bytes) { return crc32_of<kCastagnoli>(bytes); }

std::uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8u;
}

TensorBoardWriter::TensorBoardWriter(std::string path, double wall_time)
    : path_(std::move(path)), wall_time_(wall_time) {
  std::string event;
  append_double_field(event_field::kWallTime, wall_time, event);
  append_bytes_field(event_field::kVersion, "brain.Event:2", event);
  add_record(event);
}

void TensorBoardWriter::add_record(std::string_view event) {
  const std::size_t header = bytes_.size();
  append_little_endian(event.size(), 8, bytes_);
  const std::uint32_t check = masked_crc32c(std::string_view(bytes_).substr(header));
  append_little_endian(check, 4, bytes_);
  bytes_ += event;
  append_little_endian(masked_crc32c(event), 4, bytes_);
}

void TensorBoardWriter::add_hparams(
    const std::vector<std::pair<std::string, TensorBoardParam>>& hparams) {
  std::string start;
  for (const auto& [name, param] : hparams) {
    std::string value, entry;
    if (const auto* number = std::get_if<double>(&param)) {
      append_double_field(2, *number, value);
    } else {
      append_bytes_field(3, std::get<std::string>(param), value);
    }
    append_bytes_field(1, name, entry);
    append_bytes_field(2, value, entry);
    append_bytes_field(1, entry, start);
  }
  append_double_field(5, wall_time_, start);
  std::string content, plugin, metadata, shape, tensor, value, summary, event;
  append_bytes_field(3, start, content);
  append_bytes_field(1, "hparams", plugin);
  append_bytes_field(2, content, plugin);
  append_bytes_field(1, plugin, metadata);
  // An empty float tensor, shape (0): the plugin wants one.
  append_bytes_field(2, "", shape);
  append_varint_field(tensor_field::kType, kFloatTensor, tensor);
  append_bytes_field(tensor_field::kShape, shape, tensor);
  append_bytes_field(value_field::kTag, kHparamsTag, value);
  append_bytes_field(value_field::kTensor, tensor, value);
  append_bytes_field(value_field::kMetadata, metadata, value);
  append_bytes_field(1, value, summary);
  append_double_field(event_field::kWallTime, wall_time_, event);
  append_bytes_field(event_field::kSummary, summary, event);
  add_record(event);
}

void TensorBoardWriter::add_scalars(std::int64_t step, double wall_time,
                                    const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary, event;
  for (const auto& [tag, number] : scalars) {
    std::string value;
    append_bytes_field(value_field::kTag, tag, value);
    append_float_field(value_field::kSimple, static_cast<float>(number), value);
    append_bytes_field(1, value, summary);
  }
  append_double_field(event_field::kWallTime, wall_time, event);
  append_varint_field(event_field::kStep, static_cast<std::uint64_t>(step), event);
  append_bytes_field(event_field::kSummary, summary, event);
  add_record(event);
}

void TensorBoardWriter::save() const { write_file_atomically(path_, bytes_); }

}  // namespace isoflop
