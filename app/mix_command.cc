// isoflop data mix
#include "app/mix_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>

#include "app/answer.h"
#include "app/output.h"
#include "core/error.h"
#include "core/units.h"
#include "data/mix_corpora.h"
#include "io/manifest_json.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

struct MixFlags {
  std::vector<std::string> parts;
  std::string out;
  std::string name;
  OutputFormat format;
};

PartToMix part_of(const std::string& text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    throw usage_error("mix: \"" + text + "\": says no weight: write CORPUS=WEIGHT, as in web=0.7");
  }
  const Corpus corpus = open_corpus(text.substr(0, equals));
  return {.dir = corpus.dir,
          .manifest = corpus.manifest,
          .weight = parse_quantity(text.substr(equals + 1), "mix: weight of " + text)};
}

Corpus write_mixture(const MixFlags& flags, const std::vector<PartToMix>& parts) {
  const fs::path out = fs::absolute(flags.out).lexically_normal();
  const fs::path file = out / kManifestFileName;
  if (fs::exists(file)) {
    throw usage_error("mix: " + out.string() +
                      ": holds a corpus already: give another --out, or remove it first");
  }
  const fs::path last = out.has_filename() ? out.filename() : out.parent_path().filename();
  const std::string name = flags.name.empty() ? last.string() : flags.name;
  const CorpusManifest mixture = mix_corpora(name, out.string(), parts);
  std::error_code error;
  fs::create_directories(out, error);
  if (error)
    throw failure("mix: " + out.string() + ": cannot be made: " + error.message() +
                  "; name another folder with --out");
  write_manifest(mixture, file.string());
  return {out.string(), mixture};
}

void mix(const MixFlags& flags) {
  std::vector<PartToMix> parts;
  for (const std::string& part : flags.parts) parts.push_back(part_of(part));
  const Corpus mixture = write_mixture(flags, parts);
  if (mixture.manifest.tokenizer == "external") {
    say("note: the parts' tokenizers are not known to isoflop: that their ids mean the same is for "
        "you to know");
  }
  if (flags.format.json) return print(manifest_json(mixture.manifest));
  if (!is_asked(flags.format)) return print(mixture_text(mixture));
  print(answer_text(parse_json(manifest_json(mixture.manifest), "manifest"), flags.format));
}

// A part of a mixture, and the tokens of the mixture after which it repeats.
struct PartFacts {
  const CorpusPart* part;
  double train_tokens;
  double lasts;
};

std::vector<PartFacts> facts_of(const Corpus& mixture) {
  std::vector<PartFacts> facts;
  for (const CorpusPart& part : mixture.manifest.parts) {
    const CorpusManifest manifest = read_part(mixture.dir, part, read_manifest_in);
    const auto train = static_cast<double>(manifest.train_tokens);
    facts.push_back({&part, train, train / part.weight});
  }
  return facts;
}

std::string percent(double weight) { return format_quantity(100 * weight) + " %"; }

}  // namespace

std::string mixture_text(const Corpus& mixture) {
  const auto facts = facts_of(mixture);
  const auto first =
      std::min_element(facts.begin(), facts.end(),
                       [](const PartFacts& a, const PartFacts& b) { return a.lasts < b.lasts; });
  std::string text = mixture.dir + ": mixture \"" + mixture.manifest.name + "\" of " +
                     std::to_string(facts.size()) + " corpora (" + mixture.manifest.tokenizer +
                     ", vocabulary " + std::to_string(mixture.manifest.vocab) + "), " +
                     format_quantity(first->lasts) + " tokens to train on before \"" +
                     first->part->name + "\" repeats\n";
  for (const PartFacts& part : facts) {
    text += "  " + part.part->name + "  " + percent(part.part->weight) + " of the tokens, " +
            format_quantity(part.train_tokens) + " to train on: repeats after " +
            format_quantity(part.lasts) + " of the mixture  " + part_dir(mixture.dir, *part.part) +
            '\n';
  }
  return text;
}

void add_mix_command(CLI::App& data) {
  auto flags = std::make_shared<MixFlags>();
  CLI::App* command =
      data.add_subcommand("mix", "Prepared corpora and their weights -> a corpus of them all");
  command->footer(
      "  isoflop data mix web=0.7 code=0.3 --out corpora/mixed\n"
      "  isoflop data mix web=8 code=3 books=1 --out corpora/mixed   (weights need not sum to 1)\n"
      "  isoflop data mix /data/web=0.5 corpora/mine=0.5 --out corpora/half --json");
  command
      ->add_option("part", flags->parts,
                   "CORPUS=WEIGHT: a folder, or a name under corpora/, and its share of the tokens")
      ->required();
  command->add_option("--out", flags->out, "Folder to make")->required();
  command->add_option("--name", flags->name, "Name of the mixture; default: the folder's");
  add_format_flags(command, flags->format);
  command->callback([flags] { mix(*flags); });
}

}  // namespace isoflop
