#include "io/manifest_json.h"

#include "io/atomic_file.h"
#include "io/json.h"

namespace isoflop {
namespace {

void check(const JsonReader& reader, const CorpusManifest& manifest) {
  if (manifest.tokens < 1) reader.fail("tokens", "must be at least 1");
  if (manifest.vocab < 1) reader.fail("vocab", "must be at least 1");
  if (manifest.block_tokens < 1) reader.fail("block_tokens", "must be at least 1");
  if (manifest.heldout_fraction <= 0 || manifest.heldout_fraction >= 1) {
    reader.fail("heldout_fraction", "must be between 0 and 1");
  }
}

}  // namespace

std::string manifest_json(const CorpusManifest& manifest) {
  Json sources = Json::array();
  for (const CorpusSource& source : manifest.sources) {
    sources.push_back({{"name", source.name},
                       {"bytes", source.bytes},
                       {"sha256", source.sha256},
                       {"licence", source.licence}});
  }
  return json_text({{"name", manifest.name},
                    {"tokenizer", manifest.tokenizer},
                    {"vocab", manifest.vocab},
                    {"token_bytes", manifest.token_bytes},
                    {"tokens", manifest.tokens},
                    {"text_bytes", manifest.text_bytes},
                    {"tokens_sha256", manifest.tokens_sha256},
                    {"block_tokens", manifest.block_tokens},
                    {"split_seed", manifest.split_seed},
                    {"heldout_fraction", finite(manifest.heldout_fraction, "heldout_fraction")},
                    {"train_tokens", manifest.train_tokens},
                    {"heldout_tokens", manifest.heldout_tokens},
                    {"sources", sources}});
}

CorpusManifest parse_manifest(std::string_view text, const std::string& name) {
  const Json root = parse_json(text, name);
  const JsonReader reader(root, name);
  CorpusManifest manifest{.name = reader.text("name"),
                          .tokenizer = reader.text("tokenizer"),
                          .vocab = reader.whole("vocab"),
                          .token_bytes = reader.whole("token_bytes"),
                          .tokens = reader.whole("tokens"),
                          .text_bytes = reader.whole("text_bytes"),
                          .tokens_sha256 = reader.text("tokens_sha256"),
                          .block_tokens = reader.whole("block_tokens"),
                          .split_seed = reader.whole("split_seed"),
                          .heldout_fraction = reader.number("heldout_fraction"),
                          .train_tokens = reader.whole("train_tokens"),
                          .heldout_tokens = reader.whole("heldout_tokens"),
                          .sources = {}};
  for (const JsonReader& source : reader.objects("sources")) {
    manifest.sources.push_back({.name = source.text("name"),
                                .bytes = source.whole("bytes"),
                                .sha256 = source.text("sha256"),
                                .licence = source.text("licence")});
  }
  check(reader, manifest);
  return manifest;
}

void write_manifest(const CorpusManifest& manifest, const std::string& path) {
  write_file_atomically(path, manifest_json(manifest));
}

CorpusManifest read_manifest(const std::string& path) {
  return parse_manifest(read_whole_file(path), path);
}

}  // namespace isoflop
