#include "data/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include "core/error.h"
#include "core/hash.h"
#include "data/encode_text.h"
#include "data/prepare_corpus.h"
#include "data/token_file.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Words with a skewed frequency, lines, indentation, tabs, runs of spaces.
std::string prose(size_t bytes) {
  static const char* const kWords[] = {"the",  "scaling", "law", "of",    "models", "Tokens",
                                       "café", "überall", "a",   "holds", "12,345", "loss."};
  std::mt19937 random(3);
  std::string text;
  while (text.size() < bytes) {
    const size_t word = std::min(random() % 12, random() % 12);
    text += kWords[word];
    if (random() % 9 == 0) text += std::to_string(random() % 1000);
    const auto space = random() % 40;
    text += space == 0   ? "\n"
            : space == 1 ? "\n\n    "
            : space == 2 ? "  "
            : space == 3 ? "\t"
                         : " ";
  }
  return text;
}

// What a lossy tokenizer would lose.
const std::string kHardText =
    "  leading and trailing  \n\n\n\ttabs\t\r\nﬁne ligature, ½, Å vs Å, 你好, \u00a0no-break, "
    "emoji 👩‍👩‍👧‍👦, \u200b zero width, literal \u2581 and \u2581\u2581x \u2581\n"
    "<0x0A> <unk> <s> \x01\x7f end";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  Segments segments([&](std::string_view line) { lines.emplace_back(line); }, [] {});
  segments.feed(text);
  segments.finish();
  return lines;
}

const std::string& trained_model() {
  static const std::string model = train_bpe(lines_of(prose(200'000)), 400);
  return model;
}

struct Encoded {
  std::vector<std::int32_t> ids;
  std::optional<std::int64_t> first_difference;
};

Encoded encode(Tokenizer& tokenizer, const std::string& text, size_t piece) {
  Encoded encoded;
  TextEncoder encoder(tokenizer, [&](std::span<const std::int32_t> ids) {
    encoded.ids.insert(encoded.ids.end(), ids.begin(), ids.end());
  });
  for (size_t i = 0; i < text.size(); i += piece) {
    encoder.feed(std::string_view(text).substr(i, piece));
  }
  encoder.finish();
  encoded.first_difference = encoder.first_difference();
  return encoded;
}

// SentencePiece itself, on all the ids at once.
std::string decoded_by_sentencepiece(const std::string& model, const std::vector<int>& ids) {
  sentencepiece::SentencePieceProcessor processor;
  EXPECT_TRUE(processor.LoadFromSerializedProto(model).ok());
  std::string text;
  EXPECT_TRUE(processor.Decode(ids, &text).ok());
  return text;
}

TEST(TrainedBpe, SentencePieceDecodesEveryTextBackByteForByte) {
  Tokenizer tokenizer(trained_model(), "test");
  EXPECT_EQ(tokenizer.vocab(), 400);
  for (const std::string& text : {prose(20'000), kHardText}) {
    const Encoded encoded = encode(tokenizer, text, 1 << 20);
    EXPECT_EQ(decoded_by_sentencepiece(trained_model(), encoded.ids), text);
    EXPECT_FALSE(encoded.first_difference.has_value());
  }
  EXPECT_LT(encode(tokenizer, prose(20'000), 1 << 20).ids.size(), 12'000u);
}

TEST(TrainedBpe, WordByWordGivesTheIdsThatSentencePieceGivesWholeLines) {
  Tokenizer tokenizer(trained_model(), "test");
  sentencepiece::SentencePieceProcessor processor;
  ASSERT_TRUE(processor.LoadFromSerializedProto(trained_model()).ok());
  for (const std::string& line : lines_of(prose(30'000) + kHardText)) {
    if (line == kSpaceSymbol) continue;
    std::vector<std::int32_t> ids;
    tokenizer.encode_segment(line, ids);
    EXPECT_EQ(ids, processor.EncodeAsIds(line)) << line;
  }
}

TEST(TrainedBpe, IdsDoNotDependOnThePiecesTextComesIn) {
  const std::string text = prose(5000) + kHardText + std::string(40'000, 'w') +
                           prose(100).substr(0, 50) + std::string(20'000, ' ') + "\xc3\xa9";
  Tokenizer tokenizer(trained_model(), "test");
  const Encoded whole = encode(tokenizer, text, text.size());
  EXPECT_FALSE(whole.first_difference.has_value());
  EXPECT_EQ(decoded_by_sentencepiece(trained_model(), whole.ids), text);
  for (const size_t piece : {1, 7, 1000}) {
    EXPECT_EQ(encode(tokenizer, text, piece).ids, whole.ids) << piece;
  }
}

TEST(TrainedBpe, TheSameTextGivesTheSameModel) {
  EXPECT_EQ(sha256(train_bpe(lines_of(prose(200'000)), 400)), sha256(trained_model()));
}

TEST(TrainedBpe, ImpossibleSizesAreRefusedWithTheReason) {
  const auto lines = lines_of(prose(20'000));
  EXPECT_THAT(
      message_of<Error>([&] { train_bpe(lines, 200); }),
      ::testing::AllOf(HasSubstr("a BPE of 200 pieces"),
                       HasSubstr("smaller than required_chars. 200 vs"), HasSubstr("--bpe")));
  EXPECT_THAT(message_of<Error>([&] { train_bpe(lines, 50'000); }),
              ::testing::AllOf(HasSubstr("too high"), HasSubstr("more text")));
}

TEST(Segments, AreCutAtNewlinesAtTheSpaceSymbolAndInLongLinesBeforeASpace) {
  const std::string word(10'000, 'x');
  const auto segments = lines_of("a b\n\u2581c\n\n" + word + " " + word + " y");
  EXPECT_THAT(segments, ::testing::ElementsAre("a b", kSpaceSymbol, "c", word, " " + word + " y"));
  for (const std::string& segment : lines_of("x" + std::string(9, '\n'))) EXPECT_EQ(segment, "x");
  std::string umlauts;
  while (umlauts.size() < 50'001) umlauts += "ü";
  for (const std::string& segment : lines_of("x" + umlauts)) {
    EXPECT_LE(segment.size(), kLongestSegment);
    EXPECT_NE(static_cast<unsigned char>(segment[0]) & 0xC0, 0x80) << "cut within a character";
  }
}

// A user's model, with SentencePiece's own defaults but for `more`.
std::string users_model(std::unordered_map<std::string, std::string> more) {
  struct Lines : sentencepiece::SentenceIterator {
    std::vector<std::string> lines = lines_of(prose(100'000));
    size_t at = 0;
    bool done() const override { return at == lines.size(); }
    void Next() override { ++at; }
    const std::string& value() const override { return lines[at]; }
    sentencepiece::util::Status status() const override { return {}; }
  } lines;
  more.insert({{"vocab_size", "400"}, {"minloglevel", "2"}, {"byte_fallback", "true"}});
  std::string model;
  EXPECT_TRUE(sentencepiece::SentencePieceTrainer::Train(more, &lines, &model).ok());
  return model;
}

TEST(UsersModel, WithADummyPrefixStillGivesLinesBack) {
  Tokenizer tokenizer(users_model({{"model_type", "bpe"},
                                   {"normalization_rule_name", "identity"},
                                   {"remove_extra_whitespaces", "false"}}),
                      "mine.model");
  const Encoded encoded = encode(tokenizer, prose(3000), 100);
  EXPECT_FALSE(encoded.first_difference.has_value());
}

TEST(UsersModel, LossyOnesAreFoundOut) {
  Tokenizer tokenizer(users_model({{"model_type", "unigram"}}), "mine.model");
  // NFKC makes "ﬁ" two letters; the three bytes before it come back.
  EXPECT_EQ(encode(tokenizer, "ab\nﬁne", 100).first_difference, 3);
}

TEST(UsersModel, WhatIsNoModelOrHasNoNewlineIsRefused) {
  EXPECT_THAT(message_of<Error>([] { Tokenizer("no model", "mine.model"); }),
              HasSubstr("mine.model: is not a SentencePiece model"));
  const std::string without = users_model({{"model_type", "bpe"}, {"byte_fallback", "false"}});
  EXPECT_THAT(message_of<Error>([&] { Tokenizer(without, "mine.model"); }),
              ::testing::AllOf(HasSubstr("no piece for a newline"), HasSubstr("byte_fallback")));
}

void no_manifest(const CorpusManifest&, const std::string&) {}

TEST(PrepareEncoded, KeepsTheModelAndCountsTheTextsBytes) {
  const TempFolder in, out;
  const std::string text = prose(150'000);
  in.write("a.txt", text.substr(0, 60'000));
  in.write("b.jsonl", "{\"text\":\"quoted text\"}\n");
  in.write("c.txt", text.substr(60'000));
  const PreparedCorpus prepared = prepare_corpus(
      {.inputs = {{in.path()}}, .out_dir = out.path("c"), .bpe_vocab = 400}, no_manifest);
  const CorpusManifest& manifest = prepared.manifest;
  const std::string model = slurp(out.path("c/tokenizer.model"));
  EXPECT_EQ(manifest.tokenizer, "sentencepiece");
  EXPECT_EQ(manifest.tokenizer_file, "tokenizer.model");
  EXPECT_EQ(manifest.tokenizer_sha256, sha256(model));
  EXPECT_EQ(manifest.vocab, 400);
  EXPECT_EQ(manifest.token_bytes, 2);
  EXPECT_EQ(manifest.text_bytes, static_cast<std::int64_t>(text.size()) + 12);
  EXPECT_EQ(manifest.tokens_sha256, sha256(slurp(out.path("c/tokens.bin"))));
  EXPECT_THAT(prepared.notes, IsEmpty());

  std::vector<std::int32_t> ids(static_cast<size_t>(manifest.tokens));
  TokenFile(out.path("c"), manifest).read(0, ids);
  EXPECT_EQ(decoded_by_sentencepiece(model, ids),
            text.substr(0, 60'000) + "quoted text\n" + text.substr(60'000));

  // The same model on the same text is the same corpus.
  const PreparedCorpus again = prepare_corpus({.inputs = {{in.path()}},
                                               .out_dir = out.path("d"),
                                               .tokenizer_model = out.path("c/tokenizer.model")},
                                              no_manifest);
  EXPECT_EQ(again.manifest.identity(), manifest.identity());
}

TEST(PrepareEncoded, SaysWhereAUsersModelIsLossyAndWhereTextIsNotUtf8) {
  const TempFolder in, out;
  in.write("a.txt", prose(150'000) + "ﬁne\n");
  in.write("m.model", users_model({{"model_type", "unigram"}}));
  const PreparedCorpus prepared = prepare_corpus({.inputs = {{in.path("a.txt")}},
                                                  .out_dir = out.path("c"),
                                                  .tokenizer_model = in.path("m.model")},
                                                 no_manifest);
  EXPECT_THAT(prepared.notes,
              ::testing::ElementsAre(::testing::AllOf(HasSubstr("m.model: text is not the same"),
                                                      HasSubstr("from byte "))));
  in.write("b.txt", "caf\xe9");
  const auto said = [&](PrepareOptions options) {
    options.inputs = {{in.path("b.txt")}};
    options.out_dir = out.path("d");
    return message_of<Error>([&] { prepare_corpus(options, no_manifest); });
  };
  EXPECT_THAT(said({.bpe_vocab = 400}), HasSubstr("b.txt: byte 3 is not UTF-8"));
  EXPECT_THAT(said({.tokenizer_model = in.path("none.model")}),
              HasSubstr("none.model: is no file"));
  EXPECT_THAT(said({.bpe_vocab = 400, .tokenizer_model = "x"}), HasSubstr("give one of them"));
  EXPECT_FALSE(std::filesystem::exists(out.path("d")));
}

}  // namespace
}  // namespace isoflop
