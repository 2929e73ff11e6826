#include "data/prepare_corpus.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/hash.h"
#include "data/encode_text.h"
#include "data/id_writer.h"
#include "data/scan_shards.h"
#include "data/shard_formats.h"
#include "data/split.h"
#include "data/staging.h"
#include "data/text_reader.h"
#include "data/tokenizer.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFewestBlocks = 20;
constexpr std::int64_t kSmallestBlock = 1024;
constexpr const char* kTokenizerFileName = "tokenizer.model";
constexpr std::int64_t kTrainTokenizerOn = 30'000'000;  // bytes of text; more changes little

std::int64_t block_size(const PrepareOptions& options, const std::string& name,
                        std::int64_t tokens) {
  const std::int64_t block =
      options.block_tokens > 0 ? options.block_tokens : default_block_tokens(tokens);
  if (tokens >= kFewestBlocks * block) return block;
  throw refusal("corpus_too_small",
                "prepare: corpus " + name + ": " + std::to_string(tokens) +
                    " tokens are fewer than " + std::to_string(kFewestBlocks) + " blocks of " +
                    std::to_string(block) + ", too few to hold some out: add text" +
                    (block > kSmallestBlock ? " or choose smaller blocks" : ""));
}

void set_split(const PrepareOptions& options, CorpusManifest& manifest) {
  manifest.block_tokens = block_size(options, manifest.name, manifest.tokens);
  manifest.split_seed = options.split_seed;
  manifest.heldout_fraction = options.heldout_fraction;
  const BlockSplit split = split_blocks(manifest.tokens, manifest.block_tokens, options.split_seed,
                                        options.heldout_fraction);
  manifest.train_tokens = split.train_tokens();
  manifest.heldout_tokens = split.heldout_tokens();
}

fs::path output_folder(const PrepareOptions& options) {
  const fs::path given(options.out_dir);
  const fs::path out = given.has_filename() ? given : given.parent_path();
  if (out.empty()) throw usage_error("prepare: no output folder: name one");
  std::error_code ignored;
  if (fs::exists(out, ignored) && !fs::is_empty(out, ignored)) {
    throw usage_error("prepare: " + out.string() +
                      ": exists already: name another folder, or remove it first");
  }
  return out;
}

bool wants_tokenizer(const PrepareOptions& options) {
  return options.bpe_vocab > 0 || !options.tokenizer_model.empty();
}

// Reads whole files that are small.
std::string whole_file(const fs::path& path) {
  File file = File::reading(path);
  std::string bytes(static_cast<std::size_t>(fs::file_size(path)), '\0');
  bytes.resize(file.read(bytes));
  return bytes;
}

// One corpus in the making: its folder, what is said of it, and what it is made of.
struct Work {
  const PrepareOptions& options;
  const std::vector<InputFile>& files;
  const fs::path& folder;
  CorpusManifest& manifest;
  std::vector<std::string>& notes;
};

std::int64_t bytes_of(const std::vector<InputFile>& files) {
  std::int64_t bytes = 0;
  for (const InputFile& file : files) bytes += static_cast<std::int64_t>(fs::file_size(file.path));
  return bytes;
}

// Counts what is read and tells it.
class Reading {
 public:
  explicit Reading(const Work& work) : tell_(work.options.progress), of_(bytes_of(work.files)) {}
  void add(std::int64_t bytes) {
    done_ += bytes;
    if (tell_) tell_(done_, of_);
  }

 private:
  const std::function<void(std::int64_t, std::int64_t)>& tell_;
  std::int64_t of_;
  std::int64_t done_ = 0;
};

// Text -----------------------------------------------------------------------------------------

void note_copies(const Work& work) {
  std::map<std::string, std::string> first;
  for (const CorpusSource& source : work.manifest.sources) {
    const auto [known, is_new] = first.emplace(source.sha256, source.name);
    if (is_new) continue;
    work.notes.push_back(source.name + " has the same bytes as " + known->second +
                         ": text that is held out in one may be trained on in the other");
  }
}

void note_json(const PrepareOptions& options, const std::vector<InputFile>& files,
               std::vector<std::string>& notes) {
  if (options.format != TextFormat::kByName) return;
  for (const InputFile& file : files) {
    if (file.kind != FileKind::kPlainText || file.path.extension() != ".json") continue;
    notes.push_back(file.path.string() +
                    ": is taken as plain text; give --format jsonl if each line is an object");
    return;
  }
}

void note_empty_documents(const Work& work, const ReadText& read) {
  if (read.empty_documents == 0) return;
  work.notes.push_back(read.source.name + ": left out " + std::to_string(read.empty_documents) +
                       " documents without text (first: line " +
                       std::to_string(read.first_empty_line) + ")");
}

TextRules rules_of(const Work& work) {
  return {.key = work.options.text_key,
          .separator = work.options.separator,
          .utf8 = wants_tokenizer(work.options)};
}

// Reads all files into `sink` and lists them in the manifest.
void read_sources(const Work& work, const TextSink& sink) {
  Reading reading(work);
  for (const InputFile& file : work.files) {
    const ReadText read = read_text(file, rules_of(work), [&](std::string_view text) {
      sink(text);
      reading.add(static_cast<std::int64_t>(text.size()));
    });
    work.manifest.sources.push_back(read.source);
    work.manifest.text_bytes += read.text_bytes;
    note_empty_documents(work, read);
  }
  note_copies(work);
}

void prepare_bytes(const Work& work) {
  IdWriter tokens(work.folder, 1);
  read_sources(work, [&](std::string_view text) { tokens.write_bytes(text); });
  tokens.finish(work.manifest);
}

// The text's segments, or an even sample of them.
std::vector<std::string> training_segments(const Work& work) {
  const double share = static_cast<double>(kTrainTokenizerOn) /
                       static_cast<double>(std::max<std::int64_t>(bytes_of(work.files), 1));
  if (share < 1) {
    work.notes.push_back("the tokenizer is trained on a sample of the lines, about " +
                         std::to_string(kTrainTokenizerOn / 1'000'000) + " MB");
  }
  std::vector<std::string> kept;
  std::uint64_t number = 0;
  Segments segments(
      [&](std::string_view segment) {
        const double draw = static_cast<double>(splitmix64(number++) >> 11) * 0x1.0p-53;
        if (draw < share) kept.emplace_back(segment);
      },
      [] {});
  for (const InputFile& file : work.files) {
    read_text(file, rules_of(work), [&](std::string_view text) { segments.feed(text); });
  }
  segments.finish();
  return kept;
}

std::string tokenizer_model(const Work& work) {
  if (work.options.tokenizer_model.empty()) {
    return train_bpe(training_segments(work), work.options.bpe_vocab);
  }
  if (!fs::is_regular_file(work.options.tokenizer_model)) {
    throw usage_error("prepare: " + work.options.tokenizer_model +
                      ": is no file: name a SentencePiece model (--tokenizer FILE.model)");
  }
  return whole_file(work.options.tokenizer_model);
}

void check_round_trip(const Work& work, std::optional<std::int64_t> first_difference) {
  if (!first_difference) return;
  const std::string what = "text is not the same after encoding and decoding, from byte " +
                           std::to_string(*first_difference) + " of the text on";
  // Ours are made to be lossless.
  if (work.options.tokenizer_model.empty()) throw failure("prepare: tokenizer: " + what);
  work.notes.push_back(work.options.tokenizer_model + ": " + what +
                       ": the model normalizes or has no piece for something; bits per byte count "
                       "the text as it was");
}

void prepare_encoded(const Work& work) {
  const std::string model = tokenizer_model(work);
  const std::string name =
      work.options.tokenizer_model.empty() ? "the trained model" : work.options.tokenizer_model;
  Tokenizer tokenizer(model, name);
  CorpusManifest& manifest = work.manifest;
  manifest.tokenizer = "sentencepiece";
  manifest.tokenizer_file = kTokenizerFileName;
  manifest.tokenizer_sha256 = sha256(model);
  manifest.vocab = tokenizer.vocab();
  File model_file = File::creating(work.folder / kTokenizerFileName);
  model_file.write(model);
  model_file.sync();

  IdWriter tokens(work.folder, manifest.vocab <= 65536 ? 2 : 4);
  TextEncoder encoder(tokenizer, [&](std::span<const std::int32_t> ids) { tokens.write(ids); });
  read_sources(work, [&](std::string_view text) { encoder.feed(text); });
  encoder.finish();
  tokens.finish(manifest);
  check_round_trip(work, encoder.first_difference());
}

// Token files ------------------------------------------------------------------------------------

void prepare_shards(const Work& work) {
  if (wants_tokenizer(work.options)) {
    throw usage_error("prepare: " + work.files.front().path.string() +
                      ": holds token ids, which cannot be tokenized again: leave out --bpe and "
                      "--tokenizer");
  }
  std::vector<DescribedShard> shards;
  for (const InputFile& file : work.files) {
    shards.push_back(describe_shard(file, work.options.token_bytes));
    work.manifest.shards.push_back(shards.back().shard);
  }
  Reading reading(work);
  const ScannedShards scanned =
      scan_shards(shards, work.options.vocab, [&](std::int64_t bytes) { reading.add(bytes); });
  CorpusManifest& manifest = work.manifest;
  manifest.tokenizer = "external";
  manifest.vocab = work.options.vocab > 0 ? work.options.vocab : scanned.largest_id + 1;
  manifest.tokens = scanned.tokens;
  manifest.token_bytes = scanned.token_bytes;
  manifest.tokens_sha256 = scanned.sha256;
  if (work.options.vocab > 0) return;
  work.notes.push_back("the vocabulary is taken to be the largest id + 1, " +
                       std::to_string(manifest.vocab) + "; give --vocab if the tokenizer has more");
}

void check_options(const PrepareOptions& options, const InputFile& first) {
  if (options.bpe_vocab > 0 && !options.tokenizer_model.empty()) {
    throw usage_error(
        "prepare: --bpe trains a tokenizer and --tokenizer names one: give one of them");
  }
  if (options.vocab > 0 && !holds_ids(first.kind)) {
    throw usage_error("prepare: --vocab is for token files, but " + first.path.string() +
                      " is text: leave it out, or give --dtype if it holds ids");
  }
}

}  // namespace

PreparedCorpus prepare_corpus(
    const PrepareOptions& options,
    const std::function<void(const CorpusManifest&, const std::string& path)>& write_manifest) {
  PreparedCorpus prepared;
  const fs::path out = output_folder(options);
  const std::vector<InputFile> files =
      collect_files(options.inputs, options.format, options.token_bytes, prepared.notes);

  check_options(options, files.front());
  note_json(options, files, prepared.notes);

  Staging staging(out);
  CorpusManifest& manifest = prepared.manifest;
  manifest.name = options.name.empty() ? out.filename().string() : options.name;
  const Work work{options, files, staging.path(), manifest, prepared.notes};
  if (holds_ids(files.front().kind)) {
    prepare_shards(work);
  } else if (wants_tokenizer(options)) {
    prepare_encoded(work);
  } else {
    prepare_bytes(work);
  }
  set_split(options, manifest);
  write_manifest(manifest, (staging.path() / "manifest.json").string());
  staging.finish();
  return prepared;
}

}  // namespace isoflop
