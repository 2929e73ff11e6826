#include "imports/tensorboard_events.h"

#include <bit>
#include <cmath>

#include "core/error.h"
#include "core/units.h"
#include "imports/event_fields.h"
#include "imports/proto_wire.h"

namespace isoflop {
namespace {

constexpr std::size_t kHeaderSize = 12, kCheckSize = 4;

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

}  // namespace isoflop
