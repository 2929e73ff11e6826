// isoflop report
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <spawn.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/fit_flags.h"
#include "app/output.h"
#include "app/report_data.h"
#include "core/closest_word.h"
#include "core/error.h"
#include "core/units.h"
#include "figure/draw.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "page/charts.h"
#include "report/plan_text.h"

namespace isoflop {
namespace {

constexpr const char* kDefaultStore = "runs.db";

struct ReportFlags {
  FitInputFlags input;
  FitFlags fit;
  std::string fit_file;
  std::string flops;
  std::string out;
  std::string figure;
  bool figures = false;
  bool open = false;
  bool json = false;
};

ReportQuestion question_of(const ReportFlags& flags) {
  ReportQuestion question{.input = flags.input,
                          .fit = flags.fit.options(),
                          .fit_file = flags.fit_file,
                          .command = own_command()};
  question.input.only_read = true;
  if (!flags.flops.empty()) {
    question.flops = parse_quantity(flags.flops, "--flops");
    if (!(*question.flops > 0)) throw usage_error("--flops: give a budget above 0");
  }
  const FitInputFlags& input = flags.input;
  const bool nothing =
      input.db.empty() && input.csv.empty() && input.curves.empty() && flags.fit_file.empty();
  if (nothing) question.input.db = kDefaultStore;
  return question;
}

// --- One figure.

std::vector<std::string> figure_names() {
  std::vector<std::string> names;
  for (const Figure& figure : report_figures({})) names.push_back(figure.name);
  return names;
}

void check_figure_flags(const ReportFlags& flags) {
  const auto names = figure_names();
  if (std::find(names.begin(), names.end(), flags.figure) == names.end()) {
    const std::string near = closest_word(flags.figure, names);
    throw usage_error(
        "--figure: \"" + flags.figure + "\" is not a figure of the report: " +
        (near.empty() ? "see isoflop report --figures" : "did you mean " + near + "?"));
  }
  const std::string type = std::filesystem::path(flags.out).extension().string();
  for (const char* known : {".pdf", ".png", ".svg", ".csv"}) {
    if (type == known) return;
  }
  throw usage_error("--figure: say where to: --out " + flags.figure +
                    ".pdf, or a name that ends in .png, .svg or .csv");
}

void write_figure(const ReportFlags& flags) {
  check_figure_flags(flags);
  const auto figures = report_figures(gather_report(question_of(flags)));
  const Figure& figure = *std::find_if(figures.begin(), figures.end(),
                                       [&](const Figure& f) { return f.name == flags.figure; });
  if (figure.empty()) {
    throw refusal("empty_figure", "report: figure " + figure.name + ": " + figure.why_empty);
  }
  if (flags.out.ends_with(".csv")) {
    write_file_atomically(flags.out, figure_csv(figure));
  } else {
    draw_file(figure, flags.out);
  }
  if (flags.json)
    print(json_text({{"out", flags.out}, {"figure", figure.name}, {"shows", figure.alt}}));
  if (!flags.json) print(figure.alt);
  say("written: " + flags.out + "; next: isoflop report --figures lists the others");
}

void list_figures(const ReportFlags& flags) {
  TextTable table{{"figure", "title"}, {}};
  for (const Figure& figure : report_figures({})) table.rows.push_back({figure.name, figure.title});
  print(table_text(table, {.json = flags.json}));
}

// --- The page.

Json report_answer(const ReportFlags& flags, const ReportData& data,
                   const std::vector<DrawnFigure>& drawn, std::size_t bytes) {
  Json figures = Json::array();
  for (const DrawnFigure& one : drawn) {
    Json figure{{"name", one.figure.name}, {"title", one.figure.title}};
    if (one.figure.empty()) figure["why_empty"] = one.figure.why_empty;
    figures.push_back(std::move(figure));
  }
  Json answer{{"out", flags.out}, {"bytes", bytes}, {"source", data.source}, {"figures", figures}};
  if (data.plan) {
    answer["flops"] = data.plan->flops;
    answer["answer"] = plan_sentence(*data.plan);
  }
  if (!data.why_no_fit.empty()) answer["why_no_fit"] = data.why_no_fit;
  if (!data.plan) answer["why_no_plan"] = data.why_no_plan;
  return answer;
}

// The reader's own browser, if the desktop has one; the report is there in any case.
void open_in_browser(const std::string& path) {
  std::string program = "xdg-open";
  std::string file = path;
  char* const words[] = {program.data(), file.data(), nullptr};
  pid_t pid = 0;
  if (::posix_spawnp(&pid, "xdg-open", nullptr, nullptr, words, environ) != 0) {
    say("note: --open: there is no xdg-open here; open " + path + " in a browser");
  }
}

void say_what_is_missing(const ReportData& data, const std::vector<DrawnFigure>& drawn) {
  if (!data.why_no_fit.empty()) say("note: no law: " + data.why_no_fit);
  if (data.fit && !data.plan) say("note: no plan: " + data.why_no_plan);
  if (!data.why_no_profiles.empty()) say("note: " + data.why_no_profiles);
  std::string empty;
  for (const DrawnFigure& one : drawn) {
    if (one.figure.empty()) empty += (empty.empty() ? "" : ", ") + one.figure.name;
  }
  if (!empty.empty()) say("note: without data, which the page says: " + empty);
}

void write_page(ReportFlags flags) {
  if (flags.out.empty()) flags.out = "report.html";
  const std::string type = std::filesystem::path(flags.out).extension().string();
  if (type != ".html" && type != ".htm") {
    throw usage_error("--out " + flags.out +
                      ": the report is a page: end the name in .html, or add --figure isoflop for "
                      "one figure");
  }
  const ReportData data = gather_report(question_of(flags));
  const auto drawn = draw_figures(data);
  const std::string page = report_html(data, drawn);
  write_file_atomically(flags.out, page);
  if (flags.json) {
    print(json_text(report_answer(flags, data, drawn, page.size())));
  } else if (data.plan) {
    print(plan_sentence(*data.plan));
  }
  say_what_is_missing(data, drawn);
  say("written: " + flags.out + ", " + format_bytes(static_cast<double>(page.size())) +
      "; next: open it in a browser, or isoflop report --figure isoflop --out isoflop.pdf");
  if (flags.open) open_in_browser(flags.out);
}

void run_report(const ReportFlags& flags) {
  if (flags.figures) return list_figures(flags);
  if (!flags.figure.empty()) return write_figure(flags);
  write_page(flags);
}

void add_report_input(CLI::App* command, ReportFlags& flags) {
  FitInputFlags& input = flags.input;
  command->add_option("--db", input.db, "A store; default runs.db");
  command->add_option("--study", input.study, "Study in the store; default: the newest");
  command->add_option("--csv", input.csv, "A table with a header, instead of a store");
  command->add_option("--map", input.map, "Columns of the table: params=N,tokens=D,flops=C,loss=L");
  command->add_option("--curves", input.curves, "Training curves (run,params,tokens,loss)");
  command->add_option("--fit", flags.fit_file, "This fit as it is, instead of fitting");
  command->add_option("--heldout", input.heldout, "Held-out set of the store; default heldout");
  command->add_option("--convention", input.convention, "What the table's C counts; default 6nd");
  command->add_option("--where", input.where, "Rows to take, in SQL: \"N > 1e8\"");
  command->add_option("--exclude", input.exclude, "Leave out a row, a range 3-5 or a trial");
  command->add_option("--because", input.because, "Why, for the record");
}

}  // namespace

void add_report_command(CLI::App& app) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* command =
      app.add_subcommand("report", "All there is to see as one page, or one figure for a paper");
  command->footer(
      "  isoflop report --db runs.db --out report.html\n"
      "  isoflop report --csv runs.csv --flops 1e24 --out report.html --open\n"
      "  isoflop report --figure isoflop --out fig.pdf");
  add_report_input(command, *flags);
  command->add_option(
      "--flops", flags->flops,
      "Budget of the answer; default: the sweep's own target (its grid's, or 1,000 times its "
      "largest budget), or 100 times a table's largest run");
  command->add_option("--out", flags->out, "The page, default report.html; or the figure's file");
  command->add_option("--figure", flags->figure, "One figure, as .pdf, .png, .svg or .csv");
  command->add_flag("--figures", flags->figures, "List the figures");
  command->add_flag("--open", flags->open, "Open the page in a browser");
  command->add_flag("--json", flags->json, "Print JSON");
  add_fit_flags(command, flags->fit);
  command->callback([flags] { run_report(*flags); });
}

}  // namespace isoflop
