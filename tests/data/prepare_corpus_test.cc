#include "data/prepare_corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/hash.h"
#include "data/split.h"
#include "tests/data/temp_folder.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

std::string some_text(size_t bytes, char first) {
  std::string text;
  while (text.size() < bytes)
    text += first + std::to_string(text.size() * 7919 % 1000) + " words\n";
  text.resize(bytes);
  return text;
}

void write_stub(const CorpusManifest& manifest, const std::string& path) {
  std::ofstream(path) << manifest.name;
}

std::vector<std::string> names_of(const CorpusManifest& manifest) {
  std::vector<std::string> names;
  for (const CorpusSource& source : manifest.sources) names.push_back(source.name);
  return names;
}

// What else lies beside the output: must be nothing when preparing failed.
std::vector<std::string> entries_of(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

TEST(PrepareCorpus, TokensAreTheFilesOneAfterTheOtherInOrderOfTheirPaths) {
  const TempFolder in, out;
  in.write("b.txt", some_text(20000, 'b'));
  in.write("a/z.txt", some_text(15000, 'z'));
  in.write("a/c.txt", some_text(7000, 'c'));
  const std::string extra = in.write("../" + fs::path(in.path()).filename().string() + "-extra.txt",
                                     some_text(5000, 'e'));

  const PreparedCorpus prepared =
      prepare_corpus({.name = "",
                      .inputs = {{extra, "CC0"}, {in.path(), "public domain"}},
                      .out_dir = out.path("corpus")},
                     write_stub);
  fs::remove(extra);

  const std::string expected =
      some_text(5000, 'e') + some_text(7000, 'c') + some_text(15000, 'z') + some_text(20000, 'b');
  EXPECT_EQ(slurp(out.path("corpus/tokens.bin")), expected);
  const CorpusManifest& manifest = prepared.manifest;
  EXPECT_EQ(manifest.name, "corpus");
  EXPECT_EQ(manifest.tokens, 47000);
  EXPECT_EQ(manifest.text_bytes, 47000);
  EXPECT_EQ(manifest.tokens_sha256, sha256(expected));
  EXPECT_THAT(names_of(manifest),
              ElementsAre(fs::path(extra).filename().string(), "c.txt", "z.txt", "b.txt"));
  EXPECT_EQ(manifest.sources[0].licence, "CC0");
  EXPECT_EQ(manifest.sources[1].licence, "public domain");
  EXPECT_EQ(manifest.sources[1].sha256, sha256(some_text(7000, 'c')));
  EXPECT_EQ(manifest.block_tokens, 1024);
  EXPECT_EQ(manifest.train_tokens + manifest.heldout_tokens, manifest.tokens);
  EXPECT_EQ(manifest.heldout_tokens, split_blocks(47000, 1024, 0, 0.05).heldout_tokens());
  EXPECT_THAT(prepared.notes, IsEmpty());
  EXPECT_EQ(slurp(out.path("corpus/manifest.json")), "corpus");
  EXPECT_THAT(entries_of(out.path()), ElementsAre("corpus"));
}

TEST(PrepareCorpus, IdentityNamesTokensAndSplit) {
  const TempFolder in, out;
  in.write("a.txt", some_text(50000, 'a'));
  const auto identity = [&](const std::string& name, std::int64_t split_seed, std::int64_t block) {
    PrepareOptions options{.name = name, .inputs = {{in.path(), "x"}}, .out_dir = out.path(name)};
    options.split_seed = split_seed;
    options.block_tokens = block;
    return prepare_corpus(options, write_stub).manifest.identity();
  };
  const std::string first = identity("first", 0, 0);
  EXPECT_EQ(first.size(), 64u);
  EXPECT_EQ(identity("same", 0, 0), first);
  EXPECT_NE(identity("seed", 1, 0), first);
  EXPECT_NE(identity("block", 0, 2048), first);
}

TEST(PrepareCorpus, LeavesOutHiddenFilesAndSaysSo) {
  const TempFolder in, out;
  in.write("a.txt", some_text(50000, 'a'));
  in.write(".hidden.txt", "secret");
  in.write(".git/objects/x.txt", "secret");
  fs::create_symlink("nowhere", in.path("dangling.txt"));
  const PreparedCorpus prepared =
      prepare_corpus({.inputs = {{in.path()}}, .out_dir = out.path("corpus/")}, write_stub);
  EXPECT_THAT(names_of(prepared.manifest), ElementsAre("a.txt"));
  EXPECT_EQ(prepared.manifest.name, "corpus");
  EXPECT_EQ(prepared.manifest.sources[0].licence, "not stated");
  EXPECT_THAT(prepared.notes, ElementsAre(HasSubstr("2 hidden"), HasSubstr("dangling.txt")));
}

TEST(PrepareCorpus, SaysWhichFilesAreCopies) {
  const TempFolder in, out;
  in.write("a.txt", some_text(50000, 'a'));
  in.write("b.txt", some_text(50000, 'a'));
  const PreparedCorpus prepared =
      prepare_corpus({.inputs = {{in.path()}}, .out_dir = out.path("c")}, write_stub);
  EXPECT_THAT(prepared.notes, ElementsAre(HasSubstr("b.txt has the same bytes as a.txt")));
}

TEST(PrepareCorpus, DocumentsOfJsonlAreTextLikeAnyOther) {
  const TempFolder in, out;
  const std::string text = some_text(30000, 'a');
  in.write("a.txt", text);
  in.write("b.ndjson", "{\"text\":\"one\"}\n{\"text\":\"\"}\n{\"text\":\"two\"}\n");
  in.write("c.json", "{\"text\":\"three\"}\n");
  const PreparedCorpus prepared = prepare_corpus(
      {.inputs = {{in.path()}}, .out_dir = out.path("c"), .separator = "|"}, write_stub);
  EXPECT_EQ(slurp(out.path("c/tokens.bin")), text + "one|two|{\"text\":\"three\"}\n");
  EXPECT_EQ(prepared.manifest.text_bytes, 30000 + 8 + 17);
  EXPECT_EQ(prepared.manifest.sources[1].bytes, 15 + 12 + 15);
  EXPECT_THAT(
      prepared.notes,
      ElementsAre(HasSubstr("c.json: is taken as plain text; give --format jsonl"),
                  HasSubstr("b.ndjson: left out 1 documents without text (first: line 2)")));

  fs::remove(in.path("a.txt"));
  in.write("a.txt", "{\"body\":\"" + std::string(30000, 'x') + "\"}\n");
  in.write("b.ndjson", "{\"body\":\"y\"}\n");
  in.write("c.json", "{\"body\":\"z\"}\n");
  prepare_corpus({.inputs = {{in.path()}},
                  .out_dir = out.path("d"),
                  .format = TextFormat::kJsonl,
                  .text_key = "body"},
                 write_stub);
  EXPECT_EQ(slurp(out.path("d/tokens.bin")), std::string(30000, 'x') + "\ny\nz\n");
}

TEST(PrepareCorpus, TellsHowFarReadingIs) {
  const TempFolder in, out;
  in.write("a.txt", some_text(3'000'000, 'a'));
  std::vector<std::int64_t> told;
  prepare_corpus({.inputs = {{in.path()}},
                  .out_dir = out.path("c"),
                  .progress =
                      [&](std::int64_t bytes, std::int64_t of) {
                        told.push_back(bytes);
                        EXPECT_EQ(of, 3'000'000);
                      }},
                 write_stub);
  EXPECT_THAT(told, ElementsAre(1 << 20, 2 << 20, 3'000'000));
}

struct Malformed {
  std::string what;
  std::function<void(const TempFolder&)> make;
  std::vector<std::string> inputs;  // below the folder
  ErrorKind kind;
  std::vector<std::string> said;
};

TEST(PrepareCorpus, RefusesWhatIsNoCorpusByNameAndLeavesNothingBehind) {
  const std::string text = some_text(50000, 'a');
  const std::vector<Malformed> cases = {
      {"no input", [](const TempFolder&) {}, {}, ErrorKind::kUsage, {"no input"}},
      {"absent",
       [](const TempFolder&) {},
       {"nope.txt"},
       ErrorKind::kUsage,
       {"nope.txt", "does not exist"}},
      {"empty folder",
       [](const TempFolder& in) { fs::create_directory(in.path("d")); },
       {"d"},
       ErrorKind::kUsage,
       {"/d", "holds no files"}},
      {"only hidden",
       [](const TempFolder& in) { in.write("d/.x", "x"); },
       {"d"},
       ErrorKind::kUsage,
       {"holds no files"}},
      {"empty file",
       [&](const TempFolder& in) { in.write("a", text), in.write("e.txt", ""); },
       {"a", "e.txt"},
       ErrorKind::kUsage,
       {"e.txt", "is empty"}},
      {"binary",
       [&](const TempFolder& in) { in.write("bin", text + std::string(1, '\0') + text); },
       {"bin"},
       ErrorKind::kUsage,
       {"bin", "byte 50000 is NUL"}},
      {"NUL in the second piece",
       [&](const TempFolder& in) { in.write("bin", std::string(3 << 20, 'x') + '\0'); },
       {"bin"},
       ErrorKind::kUsage,
       {"byte 3145728 is NUL"}},
      {"too small",
       [](const TempFolder& in) { in.write("s.txt", std::string(20479, 'x')); },
       {"s.txt"},
       ErrorKind::kRefused,
       {"20479 tokens", "20 blocks of 1024", "add text"}},
      {"bad JSONL",
       [&](const TempFolder& in) {
         in.write("d/a", text), in.write("d/b.jsonl", "{\"text\":\"a\"}\n{\"text\":3}\n");
       },
       {"d"},
       ErrorKind::kUsage,
       {"b.jsonl: line 2, byte 13"}},
      {"twice",
       [&](const TempFolder& in) { in.write("d/a", text); },
       {"d", "d/a"},
       ErrorKind::kUsage,
       {"d/a", "given twice"}},
  };
  for (const Malformed& c : cases) {
    const TempFolder in, out;
    c.make(in);
    PrepareOptions options{.out_dir = out.path("corpus")};
    for (const std::string& input : c.inputs) options.inputs.push_back({in.path(input)});
    try {
      prepare_corpus(options, write_stub);
      ADD_FAILURE() << c.what << ": was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), c.kind) << c.what;
      for (const std::string& said : c.said) EXPECT_THAT(error.what(), HasSubstr(said)) << c.what;
    }
    EXPECT_THAT(entries_of(out.path()), IsEmpty()) << c.what;
  }
}

TEST(PrepareCorpus, LeavesNothingBehindWhenTheManifestCannotBeWritten) {
  const TempFolder in, out;
  in.write("a.txt", some_text(50000, 'a'));
  const auto fails = [](const CorpusManifest&, const std::string&) { throw failure("disk full"); };
  EXPECT_THROW(prepare_corpus({.inputs = {{in.path()}}, .out_dir = out.path("corpus")}, fails),
               Error);
  EXPECT_THAT(entries_of(out.path()), IsEmpty());
}

TEST(PrepareCorpus, NeverOverwritesACorpusButFillsAnEmptyFolder) {
  const TempFolder in, out;
  in.write("a.txt", some_text(50000, 'a'));
  const PrepareOptions options{.inputs = {{in.path()}}, .out_dir = out.path("corpus")};
  fs::create_directory(out.path("corpus"));
  prepare_corpus(options, write_stub);
  EXPECT_THAT(message_of<Error>([&] { prepare_corpus(options, write_stub); }),
              HasSubstr("exists already"));
  EXPECT_EQ(slurp(out.path("corpus/tokens.bin")).size(), 50000u);
}

}  // namespace
}  // namespace isoflop
