// isoflop data prepare | info  (mix: app/mix_command.cc)
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "app/answer.h"
#include "app/commands.h"
#include "app/corpus_text.h"
#include "app/mix_command.h"
#include "app/output.h"
#include "app/progress.h"
#include "app/study.h"
#include "core/error.h"
#include "data/prepare_corpus.h"
#include "data/token_file.h"
#include "io/manifest_json.h"

namespace isoflop {
namespace {

struct PrepareFlags {
  std::vector<std::string> inputs;
  std::string out;
  std::string name;
  std::vector<std::string> licences;
  std::int64_t block = 0;
  double heldout = 0.05;
  std::string format = "by name";
  std::string text_key = "text";
  std::string separator = "\\n";
  std::int64_t bpe = 0;
  std::string tokenizer;
  std::string dtype;
  std::int64_t vocab = 0;
  OutputFormat output;
};

// "\\n" and "\\t" as people can write them on a command line.
std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size();
    const char next = escape ? text[i + 1] : '\0';
    if (next == 'n' || next == 't') {
      out += next == 'n' ? '\n' : '\t';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

TextFormat text_format(const std::string& name) {
  if (name == "text") return TextFormat::kPlain;
  return name == "jsonl" ? TextFormat::kJsonl : TextFormat::kByName;
}

PrepareOptions options_of(const PrepareFlags& flags) {
  PrepareOptions options{.name = flags.name,
                         .out_dir = flags.out,
                         .block_tokens = flags.block,
                         .heldout_fraction = flags.heldout,
                         .format = text_format(flags.format),
                         .text_key = flags.text_key,
                         .separator = unescaped(flags.separator),
                         .bpe_vocab = flags.bpe,
                         .tokenizer_model = flags.tokenizer,
                         .token_bytes = flags.dtype.empty()    ? 0
                                        : flags.dtype == "u16" ? 2
                                                               : 4,
                         .vocab = flags.vocab};
  for (size_t i = 0; i < flags.inputs.size(); ++i) {
    CorpusInput input{.path = flags.inputs[i]};
    if (!flags.licences.empty())
      input.licence = flags.licences[std::min(i, flags.licences.size() - 1)];
    options.inputs.push_back(input);
  }
  return options;
}

void show(const Corpus& corpus, const OutputFormat& format) {
  if (is_asked(format)) {
    print(answer_text(parse_json(corpus_json(corpus), "corpus"), format));
  } else {
    print(corpus.manifest.parts.empty() ? corpus_text(corpus) : mixture_text(corpus));
  }
}

// Says what would go wrong when the corpus is trained on.
void check_tokens(const Corpus& corpus) {
  if (!corpus.manifest.parts.empty()) return;
  try {
    TokenFile(corpus.dir, corpus.manifest);
  } catch (const Error& error) {
    say(std::string("warning: ") + error.what());
  }
}

void prepare(const PrepareFlags& flags) {
  PrepareOptions options = options_of(flags);
  std::optional<ProgressLine> line(std::in_place, is_asked(flags.output));
  options.progress = [&](std::int64_t bytes, std::int64_t of) { line->show_reading(bytes, of); };
  const PreparedCorpus prepared = prepare_corpus(options, write_manifest);
  line.reset();
  for (const std::string& note : prepared.notes) say("note: " + note);
  show({flags.out, prepared.manifest}, flags.output);
}

void add_prepare_options(CLI::App& prepare, PrepareFlags& flags) {
  prepare.add_option("input", flags.inputs, "Files or folders, in this order")->required();
  prepare.add_option("--out", flags.out, "Folder to make")->required();
  prepare.add_option("--name", flags.name, "Name of the corpus; default: the folder's");
  prepare.add_option("--licence", flags.licences,
                     "Licence of the inputs: one for each, or one for all");
  prepare.add_option("--block", flags.block,
                     "Tokens in a block of the split; default: by the corpus' size");
  prepare.add_option("--heldout", flags.heldout, "Fraction held out; default 0.05");
  add_format_flags(&prepare, flags.output);

  prepare.add_option("--format", flags.format, "Of text: text or jsonl; default: by the name")
      ->check(CLI::IsMember({"text", "jsonl"}))
      ->group("Text");
  prepare.add_option("--text-key", flags.text_key, "JSONL: key of the text; default: text")
      ->group("Text");
  prepare.add_option("--separator", flags.separator, "JSONL: after each document; default: \\n")
      ->group("Text");
  prepare.add_option("--bpe", flags.bpe, "Train a lossless SentencePiece BPE of so many pieces")
      ->check(CLI::PositiveNumber)
      ->group("Text");
  prepare.add_option("--tokenizer", flags.tokenizer, "A SentencePiece .model to use")
      ->group("Text");
  prepare.add_option("--dtype", flags.dtype, "Files are ids without a header: u16 or u32")
      ->check(CLI::IsMember({"u16", "u32"}))
      ->group("Token files");
  prepare.add_option("--vocab", flags.vocab, "Vocabulary of the ids; default: the largest id + 1")
      ->check(CLI::PositiveNumber)
      ->group("Token files");
}

}  // namespace

void add_data_command(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Make text into tokens that sweeps can use");
  data->require_subcommand(1);

  auto flags = std::make_shared<PrepareFlags>();
  CLI::App* prepare_command = data->add_subcommand(
      "prepare", "Text, JSONL or token files -> a corpus with a held-out split");
  prepare_command->footer(
      "  isoflop data prepare book.txt texts/ --out corpora/mine --licence CC-BY-4.0\n"
      "  isoflop data prepare docs.jsonl --bpe 4096 --out corpora/docs\n"
      "  isoflop data prepare fineweb_train_*.bin --vocab 50257 --out corpora/fineweb\n"
      "  isoflop data prepare train.bin --dtype u16 --vocab 50257 --out corpora/owt");
  add_prepare_options(*prepare_command, *flags);
  prepare_command->callback([flags] { prepare(*flags); });

  add_mix_command(*data);

  auto where = std::make_shared<std::string>();
  auto format = std::make_shared<OutputFormat>();
  CLI::App* info = data->add_subcommand("info", "What is in a prepared corpus");
  info->footer(
      "  isoflop data info classics\n"
      "  isoflop data info corpora/mine --json\n"
      "  isoflop data info /data/corpora/web");
  info->add_option("corpus", *where, "Folder, or name under corpora/")->required();
  add_format_flags(info, *format);
  info->callback([where, format] {
    const Corpus corpus = open_corpus(*where);
    show(corpus, *format);
    check_tokens(corpus);
  });
}

}  // namespace isoflop
