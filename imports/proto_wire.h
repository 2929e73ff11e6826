// Protocol Buffers by hand, as much as event files need: fields in, fields out, no schema.
//
// Wire types: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes; groups (3, 4) are not
// used by what we read and count as malformed. Reading takes no memory and never goes beyond the
// bytes it was given.
#ifndef ISOFLOP_IMPORTS_PROTO_WIRE_H_
#define ISOFLOP_IMPORTS_PROTO_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace isoflop {

struct ProtoField {
  std::uint32_t number = 0;
  int wire_type = 0;
  std::uint64_t bits = 0;  // wire types 0, 1 and 5
  std::string_view bytes;  // wire type 2

  double as_double() const;  // of eight bytes
  float as_float() const;    // of four bytes
};

class ProtoReader {
 public:
  explicit ProtoReader(std::string_view bytes) : rest_(bytes) {}

  // False at the end, and where the bytes do not fit: then malformed() is true.
  bool next(ProtoField& field);
  bool malformed() const { return malformed_; }

 private:
  bool varint(std::uint64_t& value);
  bool fixed(std::size_t size, std::uint64_t& value);
  bool value(ProtoField& field);

  std::string_view rest_;
  bool malformed_ = false;
};

// Little-endian bytes as a number, and back.
std::uint64_t little_endian(std::string_view bytes);
void append_little_endian(std::uint64_t value, std::size_t size, std::string& out);

void append_varint_field(std::uint32_t number, std::uint64_t value, std::string& out);
void append_double_field(std::uint32_t number, double value, std::string& out);
void append_float_field(std::uint32_t number, float value, std::string& out);
void append_bytes_field(std::uint32_t number, std::string_view bytes, std::string& out);

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_PROTO_WIRE_H_
