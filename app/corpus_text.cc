#include "app/corpus_text.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/units.h"
#include "io/manifest_json.h"

namespace isoflop {
namespace {

constexpr std::size_t kListed = 20;

std::string quantity(std::int64_t value) { return format_quantity(static_cast<double>(value)); }

double sufficient_params(const CorpusManifest& manifest) {
  return static_cast<double>(manifest.train_tokens) / kTokensPerParameter;
}

std::string row(const std::string& label, const std::string& value) {
  std::string text = "  " + label;
  text.resize(std::max<std::size_t>(text.size() + 1, 14), ' ');
  return text + value + '\n';
}

std::string vocabulary(const CorpusManifest& manifest) {
  const std::string size = std::to_string(manifest.vocab);
  if (manifest.tokenizer == "bytes") return size + ", the bytes";
  if (manifest.tokenizer == "external") return size + ", of a tokenizer not known here";
  return size + ", " + manifest.tokenizer + " (" + manifest.tokenizer_file + ", sha256 " +
         manifest.tokenizer_sha256.substr(0, 12) + ")";
}

std::string text_size(const CorpusManifest& manifest) {
  const auto per_token = manifest.bytes_per_token();
  if (!per_token) return "not known, so no bits per byte";
  char rounded[32];
  std::snprintf(rounded, sizeof rounded, "%.3f", *per_token);
  return quantity(manifest.text_bytes) + " bytes, " + rounded + " a token";
}

std::int64_t blocks(const CorpusManifest& manifest) {
  return (manifest.tokens - 1) / manifest.block_tokens + 1;
}
std::int64_t heldout_blocks(const CorpusManifest& manifest) {
  return manifest.heldout_tokens / manifest.block_tokens;
}

// At most kListed of `count` lines.
template <class Line>
std::string list(std::size_t count, const Line& line) {
  std::string text;
  for (std::size_t i = 0; i < std::min(count, kListed); ++i) text += "    " + line(i) + '\n';
  if (count > kListed) text += "    and " + std::to_string(count - kListed) + " more\n";
  return text;
}

std::string source_line(const CorpusSource& source) {
  return source.name + "  " + quantity(source.bytes) + " bytes  sha256 " +
         source.sha256.substr(0, 12) + "  licence: " + source.licence;
}

std::string shard_line(const TokenShard& shard) {
  return std::filesystem::path(shard.path).filename().string() + "  " + quantity(shard.tokens) +
         " tokens of " + std::to_string(shard.token_bytes) + " bytes  licence: " + shard.licence;
}

std::string made_of(const CorpusManifest& manifest) {
  if (manifest.shards.empty()) {
    return row("made of", std::to_string(manifest.sources.size()) + " files") +
           list(manifest.sources.size(),
                [&](std::size_t i) { return source_line(manifest.sources[i]); });
  }
  const auto folder = std::filesystem::path(manifest.shards.front().path).parent_path();
  return row("made of", std::to_string(manifest.shards.size()) +
                            " token files, which stay where they are (the first in " +
                            folder.string() + ")") +
         list(manifest.shards.size(),
              [&](std::size_t i) { return shard_line(manifest.shards[i]); });
}

}  // namespace

std::string corpus_text(const Corpus& corpus) {
  const CorpusManifest& manifest = corpus.manifest;
  return corpus.dir + ": " + quantity(manifest.tokens) +
         " tokens, in one epoch enough for a model of " +
         format_quantity(sufficient_params(manifest)) + " parameters at 20 tokens a parameter\n" +
         row("name", manifest.name) + row("training", quantity(manifest.train_tokens) + " tokens") +
         row("held out", quantity(manifest.heldout_tokens) +
                             " tokens: " + std::to_string(heldout_blocks(manifest)) + " of " +
                             std::to_string(blocks(manifest)) + " blocks of " +
                             std::to_string(manifest.block_tokens) + ", spread over the corpus") +
         row("vocabulary", vocabulary(manifest)) + row("text", text_size(manifest)) +
         row("identity", manifest.identity().substr(0, 12)) + made_of(manifest);
}

std::string corpus_json(const Corpus& corpus) {
  const CorpusManifest& manifest = corpus.manifest;
  auto json = nlohmann::ordered_json::parse(manifest_json(manifest));
  json["dir"] = corpus.dir;
  json["identity"] = manifest.identity();
  if (manifest.parts.empty()) {
    if (const auto per_token = manifest.bytes_per_token()) json["bytes_per_token"] = *per_token;
    json["blocks"] = blocks(manifest);
    json["heldout_blocks"] = heldout_blocks(manifest);
    json["params_at_20_tokens"] = sufficient_params(manifest);
  }
  return json.dump(2) + "\n";
}

}  // namespace isoflop
