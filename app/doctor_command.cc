// isoflop doctor: whether this machine can run a sweep.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "app/commands.h"
#include "app/doctor.h"
#include "app/output.h"

namespace isoflop {
namespace {

std::vector<Check> all_checks(const std::string& db) {
  return {check_program(), check_processor(), check_memory(),  check_gpu(),
          check_disk(db),  check_store(db),   check_corpora(), check_temporary_folder(),
          check_figures(), check_limits(),    check_locale()};
}

std::size_t problems_among(const std::vector<Check>& checks) {
  return static_cast<std::size_t>(std::count_if(checks.begin(), checks.end(), [](const Check& c) {
    return c.state == CheckState::kProblem;
  }));
}

Json doctor_json(const std::vector<Check>& checks) {
  Json list = Json::array();
  for (const Check& check : checks) {
    Json json{{"name", check.name}, {"state", state_word(check.state)}, {"text", check.text}};
    if (!check.next.empty()) json["next"] = check.next;
    if (!check.values.empty()) json["values"] = check.values;
    list.push_back(json);
  }
  const std::size_t problems = problems_among(checks);
  return {{"ok", problems == 0}, {"problems", problems}, {"checks", list}};
}

std::string verdict(std::size_t problems) {
  if (problems == 0) return "This machine can run sweeps.\n";
  return problems == 1 ? "One thing would stop a sweep.\n"
                       : std::to_string(problems) + " things would stop a sweep.\n";
}

std::string doctor_text(const std::vector<Check>& checks) {
  std::size_t widest = 0;
  for (const Check& check : checks) widest = std::max(widest, check.name.size());
  std::string out = verdict(problems_among(checks)) + "\n";
  for (const Check& check : checks) {
    const std::string word = check.state == CheckState::kOk ? "" : state_word(check.state) + ": ";
    out += check.name + std::string(widest + 2 - check.name.size(), ' ') + word + check.text + "\n";
    if (!check.next.empty()) out += std::string(widest + 2, ' ') + "-> " + check.next + "\n";
  }
  return out;
}

}  // namespace

std::string state_word(CheckState state) {
  switch (state) {
    case CheckState::kOk:
      return "ok";
    case CheckState::kNote:
      return "note";
    case CheckState::kProblem:
      break;
  }
  return "problem";
}

void add_doctor_command(CLI::App& app) {
  struct DoctorFlags {
    std::string db = "runs.db";
    bool json = false;
  };
  auto flags = std::make_shared<DoctorFlags>();
  CLI::App* doctor =
      app.add_subcommand("doctor", "Whether this machine can run a sweep, and what would stop it");
  doctor->footer(
      "  isoflop doctor\n"
      "  isoflop doctor --db /scratch/me/runs.db      the disk and the store there\n"
      "  isoflop doctor --json\n\n"
      "Exit code 0: a sweep can run; 1: something would stop it, and what to do is said.");
  doctor->add_option("--db", flags->db, "The store that a sweep would use; default: runs.db");
  doctor->add_flag("--json", flags->json, "Print the checks as JSON");
  doctor->callback([flags] {
    const std::vector<Check> checks = all_checks(flags->db);
    print(flags->json ? json_text(doctor_json(checks)) : doctor_text(checks));
    if (problems_among(checks) > 0) throw ExitCode{1};
  });
}

}  // namespace isoflop
