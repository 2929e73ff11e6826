#include "data/word_starts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/hash.h"
#include "data/prepare_corpus.h"
#include "data/text_source.h"
#include "data/token_file.h"
#include "data/tokenizer.h"
#include "data/zipf_source.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string sentences(std::size_t bytes) {
  static const char* const kNouns[] = {"models", "tokens", "laws", "budgets", "sweeps"};
  std::string text;
  for (std::size_t i = 0; text.size() < bytes; ++i) {
    text += std::string(kNouns[splitmix64(i) % 5]) + (splitmix64(i + 7) % 9 == 0 ? ".\n" : " ");
  }
  return text;
}

CorpusManifest prepared(const TempFolder& folder, const PrepareOptions& how) {
  PrepareOptions options = how;
  options.inputs = {{.path = folder.write("text.txt", sentences(200'000))}};
  options.out_dir = folder.path("corpus");
  return prepare_corpus(options, [](const auto&, const auto&) {}).manifest;
}

// The runs of `ids`, as text.
std::vector<std::string> words_of(const std::vector<std::int32_t>& ids, const WordStarts& begins,
                                  const std::function<std::string(std::int32_t)>& text_of) {
  std::vector<std::string> words;
  for (const std::int32_t id : ids) {
    if (words.empty() || begins(id)) words.emplace_back();
    words.back() += text_of(id);
  }
  return words;
}

TEST(WordStarts, OfBytesAreWhiteSpace) {
  const TempFolder folder;
  const CorpusManifest manifest = prepared(folder, {});
  const WordStarts begins = read_word_starts(folder.path("corpus"), manifest);
  const std::string text = "the law.\nof\tall \xc3\xbc";
  const std::vector<std::int32_t> ids(reinterpret_cast<const unsigned char*>(text.data()),
                                      reinterpret_cast<const unsigned char*>(&text.back()) + 1);
  const auto byte = [](std::int32_t id) { return std::string(1, static_cast<char>(id)); };
  EXPECT_THAT(words_of(ids, begins, byte),
              ElementsAre("the", " law.", "\nof", "\tall", " \xc3\xbc"));
}

TEST(WordStarts, OfPiecesAreThoseThatBeginWithASpaceOrANewline) {
  const TempFolder folder;
  PrepareOptions bpe;
  bpe.bpe_vocab = 300;
  const CorpusManifest manifest = prepared(folder, bpe);
  const WordStarts begins = read_word_starts(folder.path("corpus"), manifest);
  const TextSource source(folder.path("corpus"), manifest, {.context = 32});
  EXPECT_EQ(source.word_starts()(' '), begins(' '));

  Tokenizer tokenizer(slurp(folder.path("corpus/tokenizer.model")), "model");
  std::vector<std::int32_t> ids;
  tokenizer.encode_segment("models of unseenwords.", ids);
  ids.push_back(tokenizer.newline());
  tokenizer.encode_segment("laws", ids);
  const auto piece = [&](std::int32_t id) {
    std::string text;
    tokenizer.decode_segment({id}, text);
    return text;
  };
  EXPECT_THAT(words_of(ids, begins, piece),
              ElementsAre("models", " of", " unseenwords.", "\nlaws"));
}

TEST(WordStarts, AreRefusedWhereNobodyKnowsThem) {
  const TempFolder folder;
  CorpusManifest manifest;
  manifest.name = "shards";
  manifest.tokenizer = "external";
  const auto read = [&] { read_word_starts(folder.path(), manifest); };
  EXPECT_THAT(message_of<Error>(read), HasSubstr("train.whole_words: corpus shards"));
  EXPECT_THAT(message_of<Error>([&] { require_known_words(manifest); }),
              HasSubstr("prepare the corpus from its text"));
  const ZipfSource facts(DataSpec{}, {});
  EXPECT_THROW(facts.word_starts(), Error);
}

TEST(WordStarts, AreRefusedWhereTheTokenizerIsGoneOrAnother) {
  const TempFolder folder;
  PrepareOptions bpe;
  bpe.bpe_vocab = 300;
  const CorpusManifest manifest = prepared(folder, bpe);
  const auto read = [&] { read_word_starts(folder.path("corpus"), manifest); };
  EXPECT_EQ(message_of<Error>(read), "");
  folder.write("corpus/tokenizer.model", "another");
  EXPECT_THAT(message_of<Error>(read), HasSubstr("is not the tokenizer"));
  std::filesystem::remove(folder.path("corpus/tokenizer.model"));
  EXPECT_THAT(message_of<Error>(read), HasSubstr("is not there"));
}

}  // namespace
}  // namespace isoflop
