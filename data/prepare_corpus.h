// From text or token files to a corpus that sweeps can use: a folder with a manifest, and, for
// text, its tokens.
//
//   text     tokens are the bytes of the files, one after the other in the order given; so
//            tokens.bin equals `cat` of the files and its hash is the text's
//   JSONL    the text of one key of each line's object, every document followed by `separator`;
//            recognised by its name (.jsonl, .ndjson) or by `format`; may be mixed with plain text
//   tokens   files of other tools (data/shard_formats.h), recognised by what is in them or by
//            `token_bytes`. They are not copied: the manifest lists where the ids lie, and they are
//            read once, to check every id against the vocabulary and to hash them
//
// A folder stands for the regular files below it, sorted by path; what is left out of it is said in
// the notes. With `bpe_vocab` or `tokenizer_model` text becomes SentencePiece ids
// (data/tokenizer.h), the model is kept beside them, and the text must be UTF-8.
//
// Nothing half-written is ever left: the folder is made beside its place as OUT.partial-<process>
// and renamed when complete. Files are streamed: a corpus may be larger than memory.
//
// Errors name the file and, within it, line and byte: Error(kUsage) for no input, an input that
// does not exist or holds no files, the same file twice, an empty file, a NUL byte in plain text,
// bad UTF-8 or JSON, a cut shard, an id beyond the vocabulary, text and tokens together, an output
// folder that exists; Error(kRefused, "corpus_too_small") below 20 blocks of the smallest size;
// Error(kFailed) when reading or writing fails.
#ifndef ISOFLOP_DATA_PREPARE_CORPUS_H_
#define ISOFLOP_DATA_PREPARE_CORPUS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/corpus_manifest.h"
#include "data/input_files.h"

namespace isoflop {

struct PrepareOptions {
  std::string name;  // of the corpus; default: the output folder's name
  std::vector<CorpusInput> inputs;
  std::string out_dir;            // must not exist, or be empty
  std::int64_t block_tokens = 0;  // 0: default_block_tokens (data/split.h)
  std::int64_t split_seed = 0;
  double heldout_fraction = 0.05;

  TextFormat format = TextFormat::kByName;
  std::string text_key = "text";  // of a JSONL document
  std::string separator = "\n";   // after each JSONL document
  std::int64_t bpe_vocab = 0;     // train a SentencePiece BPE of this many pieces; 0: bytes
  std::string tokenizer_model;    // or take this SentencePiece model
  std::int64_t token_bytes = 0;   // 2, 4: the inputs are ids without a header
  std::int64_t vocab = 0;         // of token files; 0: the largest id + 1

  // Told now and then how far reading is; a tokenizer's training reads the text once more before.
  std::function<void(std::int64_t bytes, std::int64_t of)> progress;
};

struct PreparedCorpus {
  CorpusManifest manifest;
  std::vector<std::string> notes;  // what was skipped or looks odd, one sentence each
};

// `write_manifest` is called once with the manifest and the path where it must be written
// (manifest.json in the folder under construction) before the folder gets its name; data/ writes no
// JSON (the program hands in io/manifest_json.h).
PreparedCorpus prepare_corpus(
    const PrepareOptions& options,
    const std::function<void(const CorpusManifest&, const std::string& path)>& write_manifest);

}  // namespace isoflop

#endif  // ISOFLOP_DATA_PREPARE_CORPUS_H_
