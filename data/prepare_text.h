// From text files to a corpus that sweeps can use: a folder with tokens.bin and its manifest.
//
// Tokens are the bytes of the files, one after the other, in the order given; a folder stands for
// the regular files below it, sorted by path. So tokens.bin equals `cat` of the files and its hash
// is the text's. Hidden files and folders are left out, which is said in the notes.
//
// Nothing half-written is ever left: the folder is made beside its place as OUT.partial-<process>
// and renamed when complete. Files are streamed: a corpus may be larger than memory.
//
// Errors (all name the file): Error(kUsage) for no input, an input that does not exist or holds no
// files, the same file twice, an empty file, a NUL byte (not text: its offset is named), an output
// folder that exists; Error(kRefused, "corpus_too_small") below 20 blocks of the smallest size;
// Error(kFailed) when reading or writing fails.
#ifndef ISOFLOP_DATA_PREPARE_TEXT_H_
#define ISOFLOP_DATA_PREPARE_TEXT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/corpus_manifest.h"

namespace isoflop {

struct TextInput {
  std::string path;                    // a file or a folder
  std::string licence = "not stated";  // goes into the manifest with each of its files
};

struct PrepareOptions {
  std::string name;  // of the corpus; default: the output folder's name
  std::vector<TextInput> inputs;
  std::string out_dir;            // must not exist, or be empty
  std::int64_t block_tokens = 0;  // 0: default_block_tokens (data/split.h)
  std::int64_t split_seed = 0;
  double heldout_fraction = 0.05;
};

struct PreparedText {
  CorpusManifest manifest;
  std::vector<std::string> notes;  // what was skipped or looks odd, one sentence each
};

// `write_manifest` is called once with the manifest and the path where it must be written
// (manifest.json in the folder under construction) before the folder gets its name; data/ writes no
// JSON (the program hands in io/manifest_json.h).
PreparedText prepare_text(
    const PrepareOptions& options,
    const std::function<void(const CorpusManifest&, const std::string& path)>& write_manifest);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_PREPARE_TEXT_H_
