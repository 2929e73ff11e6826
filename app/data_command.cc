// isoflop data prepare | info  (mix: app/mix_command.cc)
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "app/commands.h"
#include "app/mix_command.h"
#include "app/output.h"
#include "app/study.h"
#include "core/units.h"
#include "data/prepare_text.h"
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
  OutputFormat format;
};

std::string corpus_text(const CorpusManifest& manifest, const std::string& dir) {
  std::string text =
      dir + ": corpus \"" + manifest.name + "\", " +
      format_quantity(static_cast<double>(manifest.tokens)) + " tokens (" + manifest.tokenizer +
      ", vocabulary " + std::to_string(manifest.vocab) + "), " +
      format_quantity(static_cast<double>(manifest.train_tokens)) + " to train on, " +
      format_quantity(static_cast<double>(manifest.heldout_tokens)) + " held out in blocks of " +
      std::to_string(manifest.block_tokens) + " spread over the corpus\n";
  for (const CorpusSource& source : manifest.sources) {
    text += "  " + source.name + "  " + format_quantity(static_cast<double>(source.bytes)) +
            " bytes  sha256 " + source.sha256.substr(0, 12) + "  licence: " + source.licence + '\n';
  }
  return text;
}

void show(const CorpusManifest& manifest, const std::string& dir, const OutputFormat& format) {
  print(format.json ? manifest_json(manifest) : corpus_text(manifest, dir));
}

void prepare(const PrepareFlags& flags) {
  PrepareOptions options{.name = flags.name,
                         .out_dir = flags.out,
                         .block_tokens = flags.block,
                         .heldout_fraction = flags.heldout};
  for (size_t i = 0; i < flags.inputs.size(); ++i) {
    TextInput input{.path = flags.inputs[i]};
    if (!flags.licences.empty())
      input.licence = flags.licences[std::min(i, flags.licences.size() - 1)];
    options.inputs.push_back(input);
  }
  const PreparedText prepared = prepare_text(options, write_manifest);
  for (const std::string& note : prepared.notes) say("note: " + note);
  show(prepared.manifest, flags.out, flags.format);
}

}  // namespace

void add_data_command(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Make text into tokens that sweeps can use");
  data->require_subcommand(1);

  auto flags = std::make_shared<PrepareFlags>();
  CLI::App* prepare_command = data->add_subcommand(
      "prepare", "Text files and folders -> one token file, a manifest and a held-out split");
  prepare_command->footer(
      "  isoflop data prepare book.txt --out corpora/book\n"
      "  isoflop data prepare texts/ more.txt --out corpora/mine --licence CC-BY-4.0\n"
      "  isoflop data prepare texts/ --out corpora/mine --heldout 0.02 --json");
  prepare_command->add_option("input", flags->inputs, "Text files or folders, in this order")
      ->required();
  prepare_command->add_option("--out", flags->out, "Folder to make")->required();
  prepare_command->add_option("--name", flags->name, "Name of the corpus; default: the folder's");
  prepare_command->add_option("--licence", flags->licences,
                              "Licence of the inputs: one for each, or one for all");
  prepare_command->add_option("--block", flags->block,
                              "Tokens in a block of the split; default: by the corpus' size");
  prepare_command->add_option("--heldout", flags->heldout, "Fraction held out; default 0.05");
  prepare_command->add_flag("--json", flags->format.json, "Print the manifest as JSON");
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
  info->add_flag("--json", format->json, "Print the manifest as JSON");
  info->callback([where, format] {
    const Corpus corpus = open_corpus(*where);
    if (!format->json && !corpus.manifest.parts.empty()) {
      print(mixture_text(corpus));
    } else {
      show(corpus.manifest, corpus.dir, *format);
    }
  });
}

}  // namespace isoflop
