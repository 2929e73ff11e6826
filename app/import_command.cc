// isoflop import
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "app/commands.h"
#include "app/handout.h"
#include "app/import_input.h"
#include "app/import_text.h"
#include "app/imported_runs.h"
#include "app/output.h"
#include "app/study.h"
#include "core/error.h"
#include "db/store.h"

namespace isoflop {
namespace {

struct ImportFlags {
  ImportInputFlags input;
  std::string db = "runs.db";
  std::string study;
  bool dry_run = false;
  bool list = false;
  bool formats = false;
  std::int64_t undo = 0;
  OutputFormat output;
};

// Trials and foreign runs come together only where somebody says so.
void check_unnamed_study(const Store& store, const std::string& study) {
  for (const StudyRow& row : store.studies()) {
    if (row.name != study || row.trials == 0) continue;
    throw usage_error("import: study \"" + study + "\" of " + store.path() +
                      " holds trials of a sweep: name the study that the runs go to, --study "
                      "NAME, or --study " +
                      study + " to fit both together");
  }
}

void say_company(const Store& store, const ImportAnswer& answer) {
  for (const ImportRow& row : store.imports(answer.study)) {
    const bool known = std::any_of(
        answer.imports.begin(), answer.imports.end(),
        [&](const RunImport& one) { return one.path == row.path || one.sha256 == row.sha256; });
    if (!known) {
      say("note: study \"" + answer.study + "\" also has " + std::to_string(row.runs) +
          " runs of " + row.path + " (import " + std::to_string(row.id) + ")");
    }
  }
}

std::string store_flag(const ImportFlags& flags) {
  return flags.db == "runs.db" ? "" : " --db " + command_word(flags.db);
}

void say_next(const ImportFlags& flags, const ImportAnswer& answer) {
  say("next: isoflop fit --db " + command_word(flags.db) + " --study " +
      command_word(answer.study));
  const std::size_t files = answer.added.size();
  say("undo: isoflop import --undo " + std::to_string(answer.added.front().id) + store_flag(flags) +
      (files > 1 ? "   (of the first; isoflop import --list" + store_flag(flags) + " shows all)"
                 : ""));
}

void print_answer(const ImportFlags& flags, const ImportAnswer& answer) {
  const OutputFormat& output = flags.output;
  if (output.json) return print(json_text(import_json(answer)));
  const bool table = output.csv || output.markdown;
  if (flags.dry_run) {
    return print(table ? table_text(imported_table(answer.imports), output) : dry_run_text(answer));
  }
  print(table ? table_text(import_table(answer), output) : import_text(answer));
}

void write_answer(const ImportFlags& flags, ImportAnswer& answer) {
  Store store(flags.db, StoreMode::kCreate);
  if (flags.study.empty()) check_unnamed_study(store, answer.study);
  for (const RunImport& import : answer.imports) {
    check_convention_of_grid(store, answer.study, import.convention, import.path);
  }
  say_company(store, answer);
  answer.added = store.add_imports(answer.study, answer.imports);
}

void import_files(const ImportFlags& flags) {
  ImportAnswer answer{
      .db = flags.db,
      .study = flags.study.empty() ? default_study(flags.input.files.front()) : flags.study,
      .imports = read_imports(flags.input)};
  if (flags.study.empty() && answer.imports.size() > 1) {
    say("note: all go to study \"" + answer.study + "\"; --study NAME names another");
  }
  if (!flags.dry_run) write_answer(flags, answer);
  print_answer(flags, answer);
  if (flags.dry_run) {
    say("next: the same without --dry-run");
  } else {
    say_next(flags, answer);
  }
}

void list_imports(const ImportFlags& flags) {
  const Store store(flags.db, StoreMode::kReadOnly);
  const std::string study = flags.study.empty() ? "" : choose_study(store, flags.study);
  const auto rows = store.imports(study);
  const OutputFormat& output = flags.output;
  if (rows.empty() && !output.json && !output.csv && !output.markdown) {
    return say("no imports in " + flags.db + ": isoflop import FILE... takes runs in");
  }
  print(table_text(import_list_table(rows, output.json || output.csv), output));
}

void undo_import(const ImportFlags& flags) {
  Store store(flags.db);
  const ImportRow row = store.remove_import(flags.undo);
  if (flags.output.json) {
    return print(json_text(
        {{"removed", row.id}, {"study", row.study}, {"path", row.path}, {"runs", row.runs}}));
  }
  print("removed import " + std::to_string(row.id) + ": " + std::to_string(row.runs) + " runs of " +
        row.path + " from study \"" + row.study + "\"");
}

void run_import(const ImportFlags& flags) {
  if (flags.formats) return print(table_text(format_table(), flags.output));
  if (flags.list) return list_imports(flags);
  if (flags.undo != 0) return undo_import(flags);
  if (flags.input.files.empty()) {
    throw usage_error(
        "import: name the files with other tools' runs, e.g. isoflop import runs.csv; isoflop "
        "import --formats lists what can be read");
  }
  import_files(flags);
}

void add_import_flags(CLI::App* command, ImportFlags& flags) {
  command->add_option("files", flags.input.files, "Files or folders of runs");
  command->add_option("--db", flags.db, "The store; made when it is not there; default runs.db");
  command->add_option("--study", flags.study,
                      "Study that they go to; default: the first file's name");
  command->add_option("--format", flags.input.format,
                      "What the files are; default: recognised (--formats lists all)");
  command->add_option("--map", flags.input.map,
                      "Our field = their column: params=N,tokens=D,flops=C,loss=val_loss");
  command->add_option("--convention", flags.input.convention,
                      "What C counts, and how a missing one of N, D and C is derived: 6nd "
                      "(default), exact, kaplan, hoffmann, hoffmann-layers");
  command->add_option("--params", flags.input.params,
                      "N of the runs of a log that does not say it");
  command->add_option("--batch-tokens", flags.input.batch_tokens,
                      "Tokens a step, where a log does not say it");
  command->add_option("--context", flags.input.context,
                      "Tokens a sample, where a log counts samples");
  command->add_option("--label", flags.input.label, "The run's name, for a file of one run");
  command->add_option("--where", flags.input.where,
                      "Runs to take, in SQL on the source's own columns: \"optimizer = 'adam'\"");
}

void add_import_modes(CLI::App* command, ImportFlags& flags) {
  auto* dry = command->add_flag(
      "--dry-run", flags.dry_run,
      "Show what is read, from which columns, what is left out and why; write nothing");
  auto* list = command->add_flag("--list", flags.list,
                                 "The imports of the store (their runs: isoflop sweep export "
                                 "--imports)");
  auto* formats = command->add_flag("--formats", flags.formats, "The formats that can be read");
  auto* undo = command->add_option("--undo", flags.undo, "Take an import back, by its id");
  list->excludes(formats)->excludes(undo)->excludes(dry);
  formats->excludes(undo)->excludes(dry);
  undo->excludes(dry);
  undo->check(CLI::PositiveNumber);
  add_format_flags(command, flags.output);
}

}  // namespace

void add_import_command(CLI::App& app) {
  auto flags = std::make_shared<ImportFlags>();
  CLI::App* command = app.add_subcommand(
      "import", "Other tools' runs into a store: tables, logs, trackers; all of a command or none");
  command->footer(
      "  isoflop import runs.csv --map params=N,tokens=D,loss=val_loss --dry-run\n"
      "  isoflop import logs/*.log --study gpt --params 124M --batch-tokens 0.5M\n"
      "  isoflop import --list --db runs.db\n"
      "  isoflop import --undo 3 --db runs.db");
  add_import_flags(command, *flags);
  add_import_modes(command, *flags);
  command->callback([flags] { run_import(*flags); });
}

}  // namespace isoflop
