// Reads every id of a set of shards once: the largest, and a hash of all.
//
// The hash is SHA-256 of the ids in order, each in as many bytes as the widest shard's ids take (4
// for 8): so it does not depend on how the ids are cut into shards, and where all ids are of one
// width it is that of the ids as they lie.
//
// Errors: Error(kUsage) naming the file and the byte of the first id that is negative, or not below
// the vocabulary; Error(kFailed) when reading fails. Memory: one buffer.
#ifndef ISOFLOP_DATA_SCAN_SHARDS_H_
#define ISOFLOP_DATA_SCAN_SHARDS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/shard_formats.h"

namespace isoflop {

struct ScannedShards {
  std::int64_t tokens = 0;
  std::int64_t largest_id = 0;
  std::int64_t token_bytes = 1;  // of the hashed form
  std::string sha256;
};

// Ids must be below `vocab`; 0: below 2^31. `progress` is called with the bytes of each piece read.
ScannedShards scan_shards(const std::vector<DescribedShard>& shards, std::int64_t vocab,
                          const std::function<void(std::int64_t)>& progress = {});

}  // namespace isoflop

#endif  // ISOFLOP_DATA_SCAN_SHARDS_H_
