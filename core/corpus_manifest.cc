#include "core/corpus_manifest.h"

#include "core/hash.h"
#include "core/units.h"

namespace isoflop {

namespace {

std::string mixture_identity(const std::vector<CorpusPart>& parts) {
  std::string text = "mixture\n";
  for (const CorpusPart& part : parts) {
    text += "part " + part.identity + " weight " + exact_number(part.weight) + '\n';
  }
  return sha256(text);
}

}  // namespace

std::string CorpusManifest::identity() const {
  if (!parts.empty()) return mixture_identity(parts);
  return sha256("tokens " + tokens_sha256 + "\ntokenizer " + tokenizer +
                (tokenizer_sha256.empty() ? "" : " " + tokenizer_sha256) + "\nvocab " +
                std::to_string(vocab) + "\nblock_tokens " + std::to_string(block_tokens) +
                "\nsplit_seed " + std::to_string(split_seed) + "\nheldout_fraction " +
                exact_number(heldout_fraction) + "\n");
}

std::optional<double> CorpusManifest::bytes_per_token() const {
  if (text_bytes < 1 || tokens < 1) return std::nullopt;
  return static_cast<double>(text_bytes) / static_cast<double>(tokens);
}

}  // namespace isoflop
