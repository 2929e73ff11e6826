// Several prepared corpora under one manifest, each with a weight: a mixture.
//
// A mixture holds no tokens: its manifest names its parts, where they lie (as seen from its folder)
// and their identities, so that a part that changed is noticed. Weights are shares of the training
// tokens, whatever the parts' sizes, and are divided by their sum. Parts are kept heaviest first,
// so that the order in which they were named makes no difference. Its identity is the SHA-256 of
// its parts' identities and weights: moving or renaming a part changes nothing.
//
// What a mixture does to training: data/mixture_source.h.
#ifndef ISOFLOP_DATA_MIX_CORPORA_H_
#define ISOFLOP_DATA_MIX_CORPORA_H_

#include <string>
#include <vector>

#include "core/corpus_manifest.h"
#include "data/token_source.h"

namespace isoflop {

struct PartToMix {
  std::string dir;
  CorpusManifest manifest;
  double weight = 1;
};

// The manifest of the mixture, to be written into `out_dir`. Throws Error(kUsage) when there are
// fewer than two parts, a weight is not above 0, a part is itself a mixture, two parts are one
// corpus or have one name, or their vocabularies or tokenizers differ: it says in what.
CorpusManifest mix_corpora(const std::string& name, const std::string& out_dir,
                           std::vector<PartToMix> parts);

// Where a part lies: its dir is absolute or as seen from the mixture's folder.
std::string part_dir(const std::string& mixture_dir, const CorpusPart& part);

// What a part's folder says of it. Throws Error(kFailed) when the folder is gone, Error(kUsage)
// when it is not the corpus that was mixed.
CorpusManifest read_part(const std::string& mixture_dir, const CorpusPart& part,
                         const ReadManifest& read_manifest);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_MIX_CORPORA_H_
