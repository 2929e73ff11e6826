// Field numbers of the protobuf messages in TensorBoard's event files: tensorflow's event.proto,
// summary.proto, tensor.proto and types.proto.
#ifndef ISOFLOP_IMPORTS_EVENT_FIELDS_H_
#define ISOFLOP_IMPORTS_EVENT_FIELDS_H_

#include <cstdint>
#include <string_view>

namespace isoflop {

namespace event_field {
inline constexpr std::uint32_t kWallTime = 1, kStep = 2, kVersion = 3, kSummary = 5;
}
namespace value_field {
inline constexpr std::uint32_t kTag = 1, kSimple = 2, kTensor = 8, kMetadata = 9;
}
namespace tensor_field {
inline constexpr std::uint32_t kType = 1, kShape = 2, kContent = 4, kFloat = 5, kDouble = 6,
                               kInt = 7, kInt64 = 10;
}
enum TensorType : std::uint64_t {
  kFloatTensor = 1,
  kDoubleTensor = 2,
  kIntTensor = 3,
  kInt64Tensor = 9,
  kHalfTensor = 19,
  kBrainTensor = 14
};
inline constexpr std::string_view kHparamsTag = "_hparams_/session_start_info";

}  // namespace isoflop

#endif  // ISOFLOP_IMPORTS_EVENT_FIELDS_H_
