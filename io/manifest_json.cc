#include "io/manifest_json.h"

#include "io/atomic_file.h"
#include "io/json.h"

namespace isoflop {
namespace {

bool is_width(std::int64_t bytes) { return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8; }

Json shards_json(const std::vector<TokenShard>& shards) {
  Json json = Json::array();
  for (const TokenShard& shard : shards) {
    json.push_back({{"path", shard.path},
                    {"offset", shard.offset},
                    {"tokens", shard.tokens},
                    {"token_bytes", shard.token_bytes},
                    {"file_bytes", shard.file_bytes},
                    {"modified", shard.modified},
                    {"licence", shard.licence}});
  }
  return json;
}

TokenShard read_shard(const JsonReader& reader) {
  const TokenShard shard{.path = reader.text("path"),
                         .offset = reader.whole("offset"),
                         .tokens = reader.whole("tokens"),
                         .token_bytes = reader.whole("token_bytes"),
                         .file_bytes = reader.whole("file_bytes"),
                         .modified = reader.whole("modified"),
                         .licence = reader.text("licence")};
  if (!is_width(shard.token_bytes)) reader.fail("token_bytes", "must be 1, 2, 4 or 8");
  return shard;
}

void check(const JsonReader& reader, const CorpusManifest& manifest) {
  if (manifest.tokens < 1) reader.fail("tokens", "must be at least 1");
  if (manifest.vocab < 1) reader.fail("vocab", "must be at least 1");
  if (!is_width(manifest.token_bytes)) reader.fail("token_bytes", "must be 1, 2 or 4");
  if (manifest.block_tokens < 1) reader.fail("block_tokens", "must be at least 1");
  if (manifest.heldout_fraction <= 0 || manifest.heldout_fraction >= 1) {
    reader.fail("heldout_fraction", "must be between 0 and 1");
  }
}

std::string mixture_json(const CorpusManifest& mixture) {
  Json parts = Json::array();
  for (const CorpusPart& part : mixture.parts) {
    parts.push_back({{"name", part.name},
                     {"dir", part.dir},
                     {"identity", part.identity},
                     {"weight", finite(part.weight, "weight")}});
  }
  return json_text({{"name", mixture.name},
                    {"tokenizer", mixture.tokenizer},
                    {"vocab", mixture.vocab},
                    {"parts", parts}});
}

CorpusManifest parse_mixture(const JsonReader& reader) {
  CorpusManifest mixture;
  mixture.name = reader.text("name");
  mixture.tokenizer = reader.text("tokenizer");
  mixture.vocab = reader.whole("vocab");
  for (const JsonReader& part : reader.objects("parts")) {
    mixture.parts.push_back({.name = part.text("name"),
                             .dir = part.text("dir"),
                             .identity = part.text("identity"),
                             .weight = part.number("weight")});
    if (mixture.parts.back().weight <= 0) part.fail("weight", "must be above 0");
  }
  if (mixture.parts.empty()) reader.fail("parts", "must not be empty");
  return mixture;
}

}  // namespace

std::string manifest_json(const CorpusManifest& manifest) {
  if (!manifest.parts.empty()) return mixture_json(manifest);
  Json sources = Json::array();
  for (const CorpusSource& source : manifest.sources) {
    sources.push_back({{"name", source.name},
                       {"bytes", source.bytes},
                       {"sha256", source.sha256},
                       {"licence", source.licence}});
  }
  Json json = {{"name", manifest.name}, {"tokenizer", manifest.tokenizer}};
  if (!manifest.tokenizer_file.empty()) {
    json["tokenizer_file"] = manifest.tokenizer_file;
    json["tokenizer_sha256"] = manifest.tokenizer_sha256;
  }
  json.update({{"vocab", manifest.vocab},
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
  if (!manifest.shards.empty()) json["shards"] = shards_json(manifest.shards);
  return json_text(json);
}

CorpusManifest parse_manifest(std::string_view text, const std::string& name) {
  const Json root = parse_json(text, name);
  const JsonReader reader(root, name);
  if (reader.has("parts")) return parse_mixture(reader);
  CorpusManifest manifest{.name = reader.text("name"),
                          .tokenizer = reader.text("tokenizer"),
                          .tokenizer_file = reader.text_or("tokenizer_file", ""),
                          .tokenizer_sha256 = reader.text_or("tokenizer_sha256", ""),
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
  if (reader.has("shards")) {
    for (const JsonReader& shard : reader.objects("shards")) {
      manifest.shards.push_back(read_shard(shard));
    }
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
