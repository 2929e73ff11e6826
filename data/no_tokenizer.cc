// Where SentencePiece is left out (ISOFLOP_LEAN).
#include "core/error.h"
#include "data/tokenizer.h"

namespace isoflop {
namespace {

[[noreturn]] void refuse_tokenizer() {
  throw failure(
      "tokenizer: this build has no SentencePiece: prepare the corpus with a full build of "
      "isoflop, "
      "or use bytes");
}

}  // namespace

struct Tokenizer::Model {};

std::string train_bpe(const std::vector<std::string>&, std::int64_t) { refuse_tokenizer(); }

Tokenizer::Tokenizer(const std::string&, const std::string&) { refuse_tokenizer(); }
Tokenizer::~Tokenizer() = default;
std::int64_t Tokenizer::vocab() const { refuse_tokenizer(); }
void Tokenizer::encode_segment(std::string_view, std::vector<std::int32_t>&) { refuse_tokenizer(); }
void Tokenizer::decode_segment(const std::vector<std::int32_t>&, std::string&) const {
  refuse_tokenizer();
}
std::int32_t Tokenizer::newline() const { refuse_tokenizer(); }

}  // namespace isoflop
