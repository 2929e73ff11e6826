#include "app/value_kinds.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "app/command_tree.h"
#include "core/hyper_law.h"
#include "imports/import_runs.h"
#include "law/law_form.h"
#include "law/presets.h"

namespace isoflop {
namespace {

struct Kind {
  const char* verb;  // its words; empty: any verb
  const char* name;  // the option's or the positional's
  const char* label;
};

constexpr const char* kDevices = "cpu|cuda|cuda:N";
constexpr const char* kConventions = "6nd|exact|kaplan|hoffmann|hoffmann-layers";

// The first that fits; a verb's own come first.
constexpr Kind kKinds[] = {
    {"data prepare", "--out", "DIR"},
    {"data prepare", "--vocab", "N"},
    {"data prepare", "--format", "text|jsonl"},
    {"data prepare", "--dtype", "u16|u32"},
    {"data prepare", "--bpe", "PIECES"},
    {"data mix", "--out", "DIR"},
    {"data mix", "part", "CORPUS=WEIGHT"},
    {"data info", "corpus", "DIR"},
    {"sweep task", "--base", "N"},
    {"sweep collect", "folder", "DIR"},
    {"sweep task", "folder", "DIR"},
    {"sweep merge", "stores", "FILE"},
    {"sweep slurm", "--time", "TIME"},
    {"sweep slurm", "--mem", "SIZE"},
    {"sweep run", "--pack", "N|auto"},
    {"sweep run", "--stack", "N|auto"},
    {"sweep cancel", "--trial", "ID"},
    {"sweep export", "--trial", "ID"},
    {"compare", "--bytes-per-token", "A,B"},
    {"compare", "what", "MODEL"},
    {"plan", "--loss", "NATS"},
    {"plan", "--gpus", "DEVICES"},
    {"plan", "--latency", "TIME"},
    {"plan", "--sizes", "PARAMS"},
    {"plan", "--experts", "NUMBERS"},
    {"plan", "--bytes-per-param", "BYTES"},
    {"tune", "--schedule", "cosine|cooldown"},
    {"flops", "--feed-forward", "gelu|swiglu"},
    {"flops", "--norm", "rms|layer"},
    {"flops", "--positions", "rotary|learned"},
    {"flops", "--objective", "autoregressive|masked"},
    {"completion", "shell", "bash|zsh|fish"},
    {"reproduce", "what",
     "chinchilla-vs-gopher|table2|table3|tableA2|tableA3|tableA4|tableA9|kaplan|statements|mmlu|"
     "bigbench|pile"},
    {"import", "--context", "TOKENS"},
    {"import", "--label", "NAME"},
    {"import", "--undo", "ID"},
    {"", "files", "FILE"},
    {"", "grid", "FILE"},
    {"", "input", "FILE"},
    {"", "--config", "FILE"},
    {"", "--print", "json|csv|md"},
    {"", "--db", "FILE"},
    {"", "--csv", "FILE"},
    {"", "--out", "FILE"},
    {"", "--fit", "FILE"},
    {"", "--grid", "FILE"},
    {"", "--grid-out", "FILE"},
    {"", "--as-trial", "FILE"},
    {"", "--trial", "FILE"},
    {"", "--resume", "FILE"},
    {"", "--design", "FILE"},
    {"", "--curves", "FILE"},
    {"", "--tokenizer", "FILE"},
    {"", "--dir", "DIR"},
    {"", "--checkpoints", "DIR"},
    {"", "--corpus", "DIR"},
    {"", "--device", kDevices},
    {"", "--convention", kConventions},
    {"fit", "--count", "total|active|nonembedding"},
    {"", "--trainer", "decoder|tabular"},
    {"", "--approach", "1|2|3|all"},
    {"", "--bootstrap", "row|run|budget|residual|wild"},
    {"", "--starts", "screened|paper|LAW"},
    {"", "--precision", "bf16|fp8|tf32|fp32"},
    {"", "--serve-precision", "bf16|fp8|fp32"},
    {"", "--flops", "FLOP"},
    {"", "--at", "FLOP"},
    {"", "--max-flops", "FLOP"},
    {"", "--peak-flops", "FLOP/S"},
    {"", "--params", "PARAMS"},
    {"", "--max-params", "PARAMS"},
    {"", "--tokens", "TOKENS"},
    {"", "--unique", "TOKENS"},
    {"", "--inference", "TOKENS"},
    {"", "--fine-tune", "TOKENS"},
    {"", "--memory", "BYTES"},
    {"", "--memory-per-device", "BYTES"},
    {"", "--money", "DOLLARS"},
    {"", "--price", "DOLLARS"},
    {"", "--watts", "WATTS"},
    {"", "--minutes", "MINUTES"},
    {"", "--checkpoint-minutes", "MINUTES"},
    {"", "--minutes-per-task", "MINUTES"},
    {"", "--watch", "SECONDS"},
    {"", "--signal-seconds", "SECONDS"},
    {"", "--peer-timeout", "SECONDS"},
    {"", "--processes", "N"},
    {"", "--study", "NAME"},
    {"", "--name", "NAME"},
    {"", "--heldout", "SET"},
    {"", "--partition", "NAME"},
    {"", "--account", "NAME"},
    {"", "--map", "FIELD=COLUMN,..."},
    {"", "--set", "KEY=VALUE"},
    {"", "--where", "SQL"},
    {"", "--exclude", "ROWS"},
    {"", "--because", "WHY"},
    {"", "--fix", "NAME=VALUE"},
    {"", "--prior", "NAME=VALUE"},
    {"", "--bound", "NAME=LOW:HIGH"},
    {"", "--tie", "NAME=NAME"},
    {"", "--licence", "NAME"},
    {"", "--text-key", "KEY"},
    {"", "--separator", "TEXT"},
    {"", "--batch-tokens", "TOKENS"},
    {"", "--tokens-per-param", "RATIO"},
    {"", "--delta", "NUMBER"},
    {"", "--hide", "FLOP"},
    {"", "--level", "SHARE"},
    {"", "--until", "RATIO"},
    {"", "--extra", "OPTIONS"},
    {"", "--every", "SECONDS"},
    {"", "--figure", "NAME"},
    {"", "--serve", "PORT"},
    {"", "--port", "PORT"},
    {"", "--gpu", "DEVICE"},
    {"", "--serve-on", "DEVICE"},
};

std::string barred(std::string words, std::string_view name) {
  return words + (words.empty() ? "" : "|") + std::string(name);
}

std::string law_words(const std::string& verb) {
  std::string words;
  const auto add = [&](std::string_view name) { words = barred(words, name); };
  if (verb == "fit") {
    for (const LawForm& form : law_forms()) add(form.name);
  } else if (verb == "tune") {
    for (const HyperLaw& law : published_hyper_laws()) add(law.name);
    add("isoflop");
    add("FILE");
  } else {
    for (const LawFit& law : preset_laws()) add(law.law);
  }
  return words;
}

std::string format_words() {
  std::string words;
  for (const ImportFormat& format : import_formats()) words = barred(words, format.name);
  return words;
}

void name_value(const std::string& verb, CLI::Option& option) {
  if (!takes_value(option)) return;
  if (verb == "import" && option.check_name("--format")) {
    option.type_name(format_words());
    return;
  }
  if (option.check_name("--law")) {
    option.type_name(law_words(verb));
    return;
  }
  const bool number = option.get_type_name().find("FLOAT") != std::string::npos;
  const bool whole = option.get_type_name().find("INT") != std::string::npos;
  for (const Kind& kind : kKinds) {
    const bool mine = *kind.verb == '\0' || verb == kind.verb;
    if (!mine || !option.check_name(kind.name)) continue;
    option.type_name(kind.label);
    return;
  }
  if (number) option.type_name("NUMBER");
  if (whole) option.type_name("N");
}

void name_values_of(CLI::App& app, const std::string& verb) {
  for (CLI::Option* option : app.get_options([](CLI::Option*) { return true; })) {
    name_value(verb, *option);
  }
  for (CLI::App* below : app.get_subcommands([](CLI::App*) { return true; })) {
    const bool group = below->get_name().empty();
    name_values_of(*below, group ? verb : verb_words(*below));
  }
}

}  // namespace

void name_values(CLI::App& root) { name_values_of(root, ""); }

std::string value_label(const CLI::Option& option) {
  if (!takes_value(option)) return "";
  // The parser appends what it checks: "text|jsonl:{text,jsonl}".
  const std::string type = option.get_type_name();
  const auto checks = type.find(":{");
  const auto end = checks == std::string::npos ? type.find(":POSITIVE") : checks;
  return type.substr(0, end);
}

std::vector<std::string> value_words(const CLI::Option& option) {
  const std::string label = value_label(option);
  if (label.find('|') == std::string::npos) return {};
  std::vector<std::string> words = CLI::detail::split(label, '|');
  // N, LAW and FILE stand for what is to be put there.
  std::erase_if(words, [](const std::string& word) {
    return word == "N" || word == "LAW" || word == "FILE" || word.ends_with(":N");
  });
  return words;
}

bool is_file_value(const CLI::Option& option) { return value_label(option) == "FILE"; }

bool is_folder_value(const CLI::Option& option) { return value_label(option) == "DIR"; }

}  // namespace isoflop
