#include "imports/tensorboard_events.h"

#include <array>
#include <bit>
#include <cmath>

#include "core/error.h"
#include "core/units.h"
#include "imports/proto_wire.h"
#include "io/atomic_file.h"

namespace isoflop {
namespace {

// Field numbers of the messages above.
namespace event_field {
constexpr std::uint32_t kWallTime = 1, kStep = 2, kVersion = 3, kSummary = 5;
}
namespace value_field {
constexpr std::uint32_t kTag = 1, kSimple = 2, kTensor = 8, kMetadata = 9;
}
namespace tensor_field {
constexpr std::uint32_t kType = 1, kShape = 2, kContent = 4, kFloat = 5, kDouble = 6, kInt = 7,
                        kInt64 = 10;
}
enum TensorType : std::uint64_t {
  kFloatTensor = 1,
  kDoubleTensor = 2,
  kIntTensor = 3,
  kInt64Tensor = 9,
  kHalfTensor = 19,
  kBrainTensor = 14
};
constexpr std::string_view kHparamsTag = "_hparams_/session_start_info";
constexpr std::size_t kHeaderSize = 12, kCheckSize = 4;

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
    table[i] = crc;
  }
  return table;
}

double half_number(std::uint64_t bits) {
  const double sign = bits & 0x8000 ? -1 : 1;
  const int exponent = static_cast<int>(bits >> 10 & 0x1f);
  const double fraction = static_cast<double>(bits & 0x3ff) / 1024;
  if (exponent == 31) return fraction == 0 ? sign * HUGE_VAL : std::nan("");
  return sign *
         (exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15));
}

// The one number of a tensor's raw bytes.
std::optional<double> content_number(std::uint64_t type, std::string_view content) {
  const std::uint64_t bits = little_endian(content.substr(0, 8));
  switch (type) {
    case kFloatTensor:
      if (content.size() != 4) return std::nullopt;
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    case kDoubleTensor:
      if (content.size() != 8) return std::nullopt;
      return std::bit_cast<double>(bits);
    case kIntTensor:
      if (content.size() != 4) return std::nullopt;
      return static_cast<std::int32_t>(bits);
    case kInt64Tensor:
      if (content.size() != 8) return std::nullopt;
      return static_cast<double>(static_cast<std::int64_t>(bits));
    case kHalfTensor:
      if (content.size() != 2) return std::nullopt;
      return half_number(bits);
    case kBrainTensor:
      if (content.size() != 2) return std::nullopt;
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits << 16));
    default:
      return std::nullopt;
  }
}

// The one number of a typed field, packed or not.
std::optional<double> typed_number(const ProtoField& field) {
  const std::string_view packed = field.bytes;
  const bool is_packed = field.wire_type == 2;
  switch (field.number) {
    case tensor_field::kFloat:
      return is_packed ? content_number(kFloatTensor, packed) : field.as_float();
    case tensor_field::kDouble:
      return is_packed ? content_number(kDoubleTensor, packed) : field.as_double();
    case tensor_field::kInt:
    case tensor_field::kInt64:
      if (is_packed) return std::nullopt;
      return static_cast<double>(static_cast<std::int64_t>(field.bits));
    default:
      return std::nullopt;
  }
}

std::optional<double> tensor_number(std::string_view tensor, bool& malformed) {
  std::uint64_t type = 0;
  std::string_view content;
  std::optional<double> typed;
  ProtoReader reader(tensor);
  for (ProtoField field; reader.next(field);) {
    if (field.number == tensor_field::kType) type = field.bits;
    if (field.number == tensor_field::kContent) content = field.bytes;
    if (const auto number = typed_number(field)) typed = number;
  }
  malformed = malformed || reader.malformed();
  return content.empty() ? typed : content_number(type, content);
}

// The bytes of the last field `number` in a message.
std::string_view bytes_of(std::string_view message, std::uint32_t number, bool& malformed) {
  std::string_view found;
  ProtoReader reader(message);
  for (ProtoField field; reader.next(field);) {
    if (field.number == number && field.wire_type == 2) found = field.bytes;
  }
  malformed = malformed || reader.malformed();
  return found;
}

// A google.protobuf.Value as text.
std::string hparam_text(std::string_view value, bool& malformed) {
  std::string text;
  ProtoReader reader(value);
  for (ProtoField field; reader.next(field);) {
    if (field.number == 2 && field.wire_type == 1) text = exact_number(field.as_double());
    if (field.number == 3) text = field.bytes;
    if (field.number == 4) text = field.bits != 0 ? "true" : "false";
  }
  malformed = malformed || reader.malformed();
  return text;
}

// SummaryMetadata {1: plugin_data {2: content: HParamsPluginData {3: session_start_info {1: map}}}}
void read_hparams(std::string_view metadata, TensorBoardEvents& events, bool& malformed) {
  const std::string_view plugin = bytes_of(metadata, 1, malformed);
  const std::string_view content = bytes_of(plugin, 2, malformed);
  ProtoReader reader(bytes_of(content, 3, malformed));
  for (ProtoField field; reader.next(field);) {
    if (field.number != 1 || field.wire_type != 2) continue;
    const std::string_view name = bytes_of(field.bytes, 1, malformed);
    events.hparams[std::string(name)] = hparam_text(bytes_of(field.bytes, 2, malformed), malformed);
  }
  malformed = malformed || reader.malformed();
}

struct EventHead {
  std::int64_t step = 0;
  double wall_time = 0;
};

void read_value(std::string_view value, const EventHead& head, TensorBoardEvents& events,
                bool& malformed) {
  std::string_view tag, tensor, metadata;
  std::optional<double> number;
  ProtoReader reader(value);
  for (ProtoField field; reader.next(field);) {
    if (field.number == value_field::kTag) tag = field.bytes;
    if (field.number == value_field::kSimple && field.wire_type == 5) number = field.as_float();
    if (field.number == value_field::kTensor) tensor = field.bytes;
    if (field.number == value_field::kMetadata) metadata = field.bytes;
  }
  malformed = malformed || reader.malformed();
  if (tag == kHparamsTag) return read_hparams(metadata, events, malformed);
  if (!number && !tensor.empty()) number = tensor_number(tensor, malformed);
  if (!number || tag.empty()) return;
  events.scalars[std::string(tag)].push_back(
      {.step = head.step, .value = *number, .seconds = head.wall_time});
}

// False where the bytes are no event.
bool read_event(std::string_view data, TensorBoardEvents& events) {
  EventHead head;
  std::string_view summary;
  ProtoReader reader(data);
  for (ProtoField field; reader.next(field);) {
    if (field.number == event_field::kWallTime && field.wire_type == 1) {
      head.wall_time = field.as_double();
    }
    if (field.number == event_field::kStep) head.step = static_cast<std::int64_t>(field.bits);
    if (field.number == event_field::kVersion) events.version = field.bytes;
    if (field.number == event_field::kSummary) summary = field.bytes;
  }
  bool malformed = reader.malformed();
  ProtoReader values(summary);
  for (ProtoField field; values.next(field);) {
    if (field.number == 1 && field.wire_type == 2) read_value(field.bytes, head, events, malformed);
  }
  return !malformed && !values.malformed();
}

[[noreturn]] void corrupt(const std::string& name, std::size_t at, const std::string& what) {
  throw usage_error(name + ": byte " + std::to_string(at) + ": " + what +
                    "; the file is damaged: copy it again from where it was written");
}

bool checks(std::string_view bytes, std::string_view check) {
  return masked_crc32c(bytes) == little_endian(check);
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8u;
}

bool begins_with_record(std::string_view bytes) {
  return bytes.size() >= kHeaderSize && checks(bytes.substr(0, 8), bytes.substr(8, kCheckSize));
}

TensorBoardEvents read_tensorboard_events(std::string_view bytes, const std::string& name) {
  TensorBoardEvents events;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::string_view rest = bytes.substr(at);
    if (rest.size() >= kHeaderSize && !begins_with_record(rest)) {
      corrupt(name, at, "a record's length does not match its check");
    }
    const std::uint64_t length = rest.size() < kHeaderSize ? 0 : little_endian(rest.substr(0, 8));
    if (rest.size() < kHeaderSize + kCheckSize || length > rest.size() - kHeaderSize - kCheckSize) {
      events.torn_at = at;
      break;
    }
    const std::string_view data = rest.substr(kHeaderSize, length);
    if (!checks(data, rest.substr(kHeaderSize + length, kCheckSize))) {
      corrupt(name, at, "a record does not match its check");
    }
    if (!read_event(data, events)) corrupt(name, at, "a record is not an event");
    ++events.records;
    at += kHeaderSize + length + kCheckSize;
  }
  return events;
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
