// A corpus' manifest.json, beside its tokens.bin.
//
// Errors: Error(kUsage) naming the file and the field that is missing or of another type;
// Error(kFailed) from the disk. Writing is atomic.
#ifndef ISOFLOP_IO_MANIFEST_JSON_H_
#define ISOFLOP_IO_MANIFEST_JSON_H_

#include <string>
#include <string_view>

#include "core/corpus_manifest.h"

namespace isoflop {

inline constexpr const char* kManifestFileName = "manifest.json";

std::string manifest_json(const CorpusManifest& manifest);
// `name` is the file's name for messages.
CorpusManifest parse_manifest(std::string_view text, const std::string& name);

void write_manifest(const CorpusManifest& manifest, const std::string& path);
CorpusManifest read_manifest(const std::string& path);

}  // namespace isoflop

#endif  // ISOFLOP_IO_MANIFEST_JSON_H_
