#include "core/corpus_manifest.h"

#include "core/hash.h"
#include "core/units.h"

namespace isoflop {

std::string CorpusManifest::identity() const {
  return sha256("tokens " + tokens_sha256 + "\ntokenizer " + tokenizer + "\nvocab " +
                std::to_string(vocab) + "\nblock_tokens " + std::to_string(block_tokens) +
                "\nsplit_seed " + std::to_string(split_seed) + "\nheldout_fraction " +
                exact_number(heldout_fraction) + "\n");
}

}  // namespace isoflop
