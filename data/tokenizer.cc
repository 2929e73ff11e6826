#include "data/tokenizer.h"

#include <algorithm>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>
#include <unordered_map>

#include "core/error.h"
#include "data/word_starts.h"

namespace isoflop {
namespace {

namespace sp = sentencepiece;

// Words kept with their ids; a few hundred bytes each.
constexpr std::size_t kCachedWords = 1 << 18;

// Hands sentences to the trainer.
class SegmentIterator : public sp::SentenceIterator {
 public:
  explicit SegmentIterator(const std::vector<std::string>& segments) : segments_(segments) {}
  bool done() const override { return at_ == segments_.size(); }
  void Next() override { ++at_; }
  const std::string& value() const override { return segments_[at_]; }
  sp::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& segments_;
  std::size_t at_ = 0;
};

std::string with_spaces(std::string_view piece) {
  std::string text;
  while (!piece.empty()) {
    const bool space = piece.starts_with(kSpaceSymbol);
    text += space ? ' ' : piece.front();
    piece.remove_prefix(space ? kSpaceSymbol.size() : 1);
  }
  return text;
}

// "<0x0A>" is the piece of byte 10.
char byte_of(const std::string& piece) {
  return static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16));
}

}  // namespace

std::string train_bpe(const std::vector<std::string>& segments, std::int64_t vocab) {
  SegmentIterator sentences(segments);
  std::string model;
  const auto status =
      sp::SentencePieceTrainer::Train({{"model_type", "bpe"},
                                       {"vocab_size", std::to_string(vocab)},
                                       {"normalization_rule_name", "identity"},
                                       {"remove_extra_whitespaces", "false"},
                                       {"add_dummy_prefix", "false"},
                                       {"byte_fallback", "true"},
                                       {"character_coverage", "0.9995"},
                                       {"max_sentence_length", std::to_string(kLongestSegment + 1)},
                                       {"bos_id", "-1"},
                                       {"eos_id", "-1"},
                                       {"num_threads", "1"},
                                       {"minloglevel", "2"}},
                                      &sentences, &model);
  if (status.ok()) return model;
  // "file(line) [condition] what is wrong"
  const std::string_view message = status.error_message();
  throw usage_error(
      "tokenizer: a BPE of " + std::to_string(vocab) +
      " pieces could not be trained:" + std::string(message.substr(message.rfind(']') + 1)) +
      " Choose another size (--bpe) or give more text");
}

struct Tokenizer::Model {
  // A lookup by string_view in a map of strings.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  sp::SentencePieceProcessor processor;
  std::vector<std::string> surface;  // the bytes that an id stands for
  std::vector<std::int32_t> bytes;   // the ids of the 256 bytes; empty if there are none
  std::int32_t newline = 0;
  bool by_words = false;  // no piece holds a space but at its start, and none is added or removed
  std::unordered_map<std::string, std::vector<std::int32_t>, TextHash, std::equal_to<>> words;

  void load(const std::string& model, const std::string& name);
  void find_newline(const std::string& name);
  bool gives_back(const std::string& text) const;
  const std::vector<std::int32_t>& word(std::string_view text);
  std::vector<std::int32_t> encode(std::string_view text) const;
};

void Tokenizer::Model::load(const std::string& model, const std::string& name) {
  const auto status = processor.LoadFromSerializedProto(model);
  if (!status.ok()) {
    throw usage_error("tokenizer: " + name + ": is not a SentencePiece model: " +
                      status.error_message() + ": give a .model file");
  }
  bytes.assign(256, -1);
  by_words = true;
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    const std::string& piece = processor.IdToPiece(id);
    std::string text = processor.IsControl(id) ? "" : with_spaces(piece);
    if (processor.IsUnknown(id)) text = " \u2047 ";
    if (processor.IsByte(id)) {
      text = std::string(1, byte_of(piece));
      bytes[static_cast<unsigned char>(text[0])] = id;
    }
    by_words = by_words && piece.find(kSpaceSymbol, 1) == std::string::npos;
    surface.push_back(std::move(text));
  }
  by_words = by_words && gives_back("a") && gives_back("  a  b ");
  find_newline(name);
}

void Tokenizer::Model::find_newline(const std::string& name) {
  newline = processor.PieceToId("\n");
  if (processor.IsUnknown(newline)) newline = bytes['\n'];
  if (newline >= 0) return;
  throw usage_error("tokenizer: " + name +
                    ": has no piece for a newline: train it with --byte_fallback=true");
}

std::vector<std::int32_t> Tokenizer::Model::encode(std::string_view text) const {
  std::vector<std::int32_t> ids;
  const auto status = processor.Encode(text, &ids);
  if (!status.ok()) throw failure("tokenizer: SentencePiece failed: " + status.ToString());
  return ids;
}

bool Tokenizer::Model::gives_back(const std::string& text) const {
  std::string back;
  for (const std::int32_t id : encode(text)) back += surface[static_cast<std::size_t>(id)];
  return back == text;
}

const std::vector<std::int32_t>& Tokenizer::Model::word(std::string_view text) {
  const auto known = words.find(text);
  if (known != words.end()) return known->second;
  if (words.size() >= kCachedWords) words.clear();
  return words.emplace(text, encode(text)).first->second;
}

Tokenizer::Tokenizer(const std::string& model, const std::string& name)
    : model_(std::make_unique<Model>()) {
  model_->load(model, name);
}

Tokenizer::~Tokenizer() = default;

std::int64_t Tokenizer::vocab() const { return model_->processor.GetPieceSize(); }
std::int32_t Tokenizer::newline() const { return model_->newline; }

std::vector<bool> Tokenizer::word_starts() const {
  std::vector<bool> begins;
  for (std::size_t id = 0; id < model_->surface.size(); ++id) {
    const std::string& text = model_->surface[id];
    const bool is_text = !model_->processor.IsUnknown(static_cast<int>(id));
    begins.push_back(is_text && !text.empty() && is_white_space(text.front()));
  }
  return begins;
}

void Tokenizer::encode_segment(std::string_view segment, std::vector<std::int32_t>& ids) {
  const auto append = [&](const std::vector<std::int32_t>& more) {
    ids.insert(ids.end(), more.begin(), more.end());
  };
  if (segment == kSpaceSymbol && model_->bytes['\n'] >= 0) {
    for (const char c : segment) ids.push_back(model_->bytes[static_cast<unsigned char>(c)]);
    return;
  }
  if (!model_->by_words) return append(model_->encode(segment));
  while (!segment.empty()) {
    const std::size_t end = std::min(segment.find(' ', 1), segment.size());
    append(model_->word(segment.substr(0, end)));
    segment.remove_prefix(end);
  }
}

void Tokenizer::decode_segment(const std::vector<std::int32_t>& ids, std::string& text) const {
  if (model_->by_words) {
    for (const std::int32_t id : ids) text += model_->surface[static_cast<std::size_t>(id)];
    return;
  }
  std::string decoded;
  const auto status = model_->processor.Decode(ids, &decoded);
  if (!status.ok()) throw failure("tokenizer: SentencePiece failed: " + status.ToString());
  text += decoded;
}

}  // namespace isoflop
