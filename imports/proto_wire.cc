#include "imports/proto_wire.h"

#include <bit>

namespace isoflop {
namespace {

constexpr int kVarint = 0, kEightBytes = 1, kLengthAndBytes = 2, kFourBytes = 5;

void append_varint(std::uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void append_key(std::uint32_t number, int wire_type, std::string& out) {
  append_varint(std::uint64_t{number} << 3 | static_cast<std::uint64_t>(wire_type), out);
}

}  // namespace

double ProtoField::as_double() const { return std::bit_cast<double>(bits); }
float ProtoField::as_float() const {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
}

bool ProtoReader::varint(std::uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 70 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    if (shift < 64) value |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool ProtoReader::fixed(std::size_t size, std::uint64_t& value) {
  if (rest_.size() < size) return false;
  value = little_endian(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return true;
}

bool ProtoReader::value(ProtoField& field) {
  switch (field.wire_type) {
    case kVarint:
      return varint(field.bits);
    case kEightBytes:
      return fixed(8, field.bits);
    case kFourBytes:
      return fixed(4, field.bits);
    case kLengthAndBytes: {
      std::uint64_t length = 0;
      if (!varint(length) || length > rest_.size()) return false;
      field.bytes = rest_.substr(0, length);
      rest_.remove_prefix(length);
      return true;
    }
    default:
      return false;
  }
}

bool ProtoReader::next(ProtoField& field) {
  if (rest_.empty() || malformed_) return false;
  std::uint64_t key = 0;
  malformed_ = !varint(key);
  if (malformed_) return false;
  field = {.number = static_cast<std::uint32_t>(key >> 3), .wire_type = static_cast<int>(key & 7)};
  malformed_ = !value(field);
  return !malformed_;
}

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

void append_little_endian(std::uint64_t value, std::size_t size, std::string& out) {
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(value >> (8 * i));
}

void append_varint_field(std::uint32_t number, std::uint64_t value, std::string& out) {
  append_key(number, kVarint, out);
  append_varint(value, out);
}

void append_double_field(std::uint32_t number, double value, std::string& out) {
  append_key(number, kEightBytes, out);
  append_little_endian(std::bit_cast<std::uint64_t>(value), 8, out);
}

void append_float_field(std::uint32_t number, float value, std::string& out) {
  append_key(number, kFourBytes, out);
  append_little_endian(std::bit_cast<std::uint32_t>(value), 4, out);
}

void append_bytes_field(std::uint32_t number, std::string_view bytes, std::string& out) {
  append_key(number, kLengthAndBytes, out);
  append_varint(bytes.size(), out);
  out += bytes;
}

}  // namespace isoflop
