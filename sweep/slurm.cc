#include "sweep/slurm.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "core/error.h"

namespace isoflop {
namespace {

std::string_view slurm_trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<std::int64_t> slurm_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::vector<std::string_view> slurm_split(std::string_view text, char mark) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(mark);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// "99", "1-5,99", "90-100", "(null)".
bool list_holds(std::string_view list, std::int64_t wanted) {
  for (const std::string_view part : slurm_split(list, ',')) {
    const auto ends = slurm_split(part, '-');
    const auto low = slurm_number(slurm_trimmed(ends.front()));
    const auto high = slurm_number(slurm_trimmed(ends.back()));
    if (low && high && *low <= wanted && wanted <= *high) return true;
  }
  return false;
}

// A value in a #SBATCH line, where sbatch knows quotes but we need none but for spaces.
std::string sbatch_value(const std::string& value, const std::string& what) {
  if (value.find_first_of("\"'\\\n\r") != std::string::npos) {
    throw usage_error(what + ": \"" + value +
                      "\": sbatch does not read quotes, backslashes or line ends there: choose "
                      "another name");
  }
  return value.find_first_of(" \t#") == std::string::npos ? value : "\"" + value + "\"";
}

std::string options_text(const SlurmJob& job, bool program_is_warned) {
  std::string text;
  const auto option = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) text += "#SBATCH --" + name + "=" + sbatch_value(value, "--" + name) + "\n";
  };
  // In sbatch's file names % begins a pattern.
  std::string logs;
  for (const char c : job.logs) logs += c == '%' ? "%%" : std::string(1, c);
  option("job-name", job.name);
  option("output", logs + "/%A_%a.log");
  text += "#SBATCH --open-mode=append\n#SBATCH --requeue\n#SBATCH --nodes=1\n#SBATCH --ntasks=1\n";
  option("cpus-per-task", std::to_string(job.cpus));
  option("signal", std::string(program_is_warned ? "B:TERM@" : "B:USR1@") +
                       std::to_string(job.signal_seconds));
  option("partition", job.partition);
  option("account", job.account);
  option("time", job.time);
  option("mem", job.mem);
  for (const std::string& extra : job.extra) {
    if (extra.find_first_of("\n\r") != std::string::npos) {
      throw usage_error("--extra: give the options on one line");
    }
    text += "#SBATCH " + extra + "\n";
  }
  return text;
}

// As sweep/worker_process.cc does for a worker: results are promised for one thread.
constexpr const char* kTaskEnvironment = R"(
index=$(( ${1:-0} + SLURM_ARRAY_TASK_ID ))
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
export MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-33554432}
export MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-1073741824}
export MALLOC_TOP_PAD_=${MALLOC_TOP_PAD_:-67108864}
)";

constexpr const char* kRequeueBySite = R"(
# This site's RequeueExit has 99, with which the program asks to be started again.
exec )";

// bash ends a `wait` when a trap has run: it is the child's end only below 128, or when the child
// is gone; asked again it tells the child's own status.
constexpr const char* kRequeueByScript = R"(
# The program asks with exit 99 to be started again. This site's RequeueExit does not have it, so the
# script asks for it, by this task's name. Not after TERM: with that Slurm itself ends a task.
child= ended= early=
ask() { if [ -n "$child" ]; then kill -TERM "$child"; else early=1; fi; }
trap ask USR1
trap 'ended=1; ask' TERM
)";

constexpr const char* kRequeueByScriptEnd = R"( &
child=$!
[ -z "$early" ] || kill -TERM "$child"
wait "$child"; code=$?
while [ $code -gt 128 ] && kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
[ $code -le 128 ] || { wait "$child"; code=$?; }
[ $code = 99 ] && [ -z "$ended" ] || exit $code
timeout 60 scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}" || exit 99
sleep 60
)";

constexpr std::array<std::string_view, 10> kEndedStates{
    "BOOT_FAIL", "CANCELLED",     "COMPLETED", "DEADLINE", "FAILED",
    "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",  "TIMEOUT"};

// What squeue says of a job that it has forgotten.
bool is_unknown_job(const CommandResult& squeue) {
  return !squeue.timed_out && squeue.err.find("Invalid job id") != std::string::npos;
}

std::vector<std::string> squeue_of(const std::string& which, const std::string& format) {
  return {"squeue", "--noheader", "--all", "--array", "--states=all", which, "--format=" + format};
}

}  // namespace

SlurmSite parse_slurm_config(std::string_view text) {
  SlurmSite site;
  bool found = false;
  for (const std::string_view line : slurm_split(text, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = slurm_trimmed(line.substr(0, equals));
    const std::string_view value = slurm_trimmed(line.substr(equals + 1));
    if (key == "SLURM_VERSION") site.version = value;
    if (key == "RequeueExit") site.requeues_99 = list_holds(value, 99);
    if (key == "JobRequeue") site.may_requeue = value != "0";
    if (key == "MaxArraySize") {
      site.max_array_size = slurm_number(value).value_or(0);
      found = true;
    }
  }
  if (!found || site.max_array_size < 1) {
    throw failure(
        std::string("slurm: `scontrol show config` ") +
        (found ? "allows no job arrays (MaxArraySize = 0)" : "does not say MaxArraySize") +
        ": write the tasks with `isoflop sweep assign` and start them as docs/cluster.md "
        "shows for other schedulers");
  }
  return site;
}

std::string slurm_script(const SlurmJob& job, const SlurmSite& site) {
  const std::string program =
      shell_word(job.program) + " sweep task " + shell_word(job.folder) + " --index \"$index\"";
  std::string text = "#!/bin/bash\n" + options_text(job, site.requeues_99);
  text +=
      "# By isoflop sweep slurm. `sbatch --array=A-B THIS FIRST` runs tasks FIRST + A to FIRST + "
      "B.";
  text += kTaskEnvironment;
  if (site.requeues_99) return text + kRequeueBySite + program + "\n";
  return text + kRequeueByScript + program + kRequeueByScriptEnd;
}

std::vector<TaskRange> array_ranges(std::int64_t tasks, std::int64_t max_array_size) {
  std::vector<TaskRange> ranges;
  for (std::int64_t first = 0; first < tasks; first += max_array_size) {
    ranges.push_back({.first = first, .count = std::min(max_array_size, tasks - first)});
  }
  return ranges;
}

std::vector<std::string> sbatch_command(const std::string& script, const std::string& name,
                                        const TaskRange& range, std::int64_t at_once) {
  std::string array = "--array=0-" + std::to_string(range.count - 1);
  if (at_once > 0) array += "%" + std::to_string(at_once);
  return {"sbatch", "--parsable", "--job-name=" + name, array, script, std::to_string(range.first)};
}

std::optional<std::int64_t> parse_job_id(std::string_view sbatch_out) {
  // Sites put greetings before it; with several clusters the number has the cluster's name behind.
  std::optional<std::int64_t> id;
  for (const std::string_view line : slurm_split(sbatch_out, '\n')) {
    const auto number = slurm_number(slurm_trimmed(line.substr(0, line.find(';'))));
    if (number && *number > 0) id = number;
  }
  return id;
}

std::vector<std::string> squeue_command(std::int64_t job_id) {
  return squeue_of("--jobs=" + std::to_string(job_id), "%T");
}

JobLife parse_job_life(const CommandResult& squeue) {
  if (is_unknown_job(squeue)) return JobLife::kGone;
  if (squeue.timed_out || squeue.code != 0) return JobLife::kUnknown;
  for (const std::string_view line : slurm_split(squeue.out, '\n')) {
    const std::string_view state = slurm_trimmed(line);
    if (state.empty()) continue;
    const bool ended =
        std::find(kEndedStates.begin(), kEndedStates.end(), state) != kEndedStates.end();
    if (!ended) return JobLife::kAlive;
  }
  return JobLife::kGone;
}

std::vector<std::string> squeue_by_name_command(const std::string& name) {
  return squeue_of("--name=" + name, "%F");
}

std::optional<std::vector<std::int64_t>> parse_job_ids(const CommandResult& squeue) {
  if (squeue.timed_out || squeue.code != 0) return std::nullopt;
  std::vector<std::int64_t> ids;
  for (const std::string_view line : slurm_split(squeue.out, '\n')) {
    if (const auto id = slurm_number(slurm_trimmed(line))) ids.push_back(*id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::optional<double> parse_slurm_time(const std::string& text) {
  if (text == "UNLIMITED" || text == "INFINITE" || text == "infinite") return std::nullopt;
  const auto wrong = [&] {
    return usage_error(
        "--time: \"" + text +
        "\": give it as sbatch reads it: minutes, M:S, H:M:S, D-H, D-H:M or D-H:M:S");
  };
  const auto dash = text.find('-');
  std::vector<double> numbers;
  const std::string clock = dash == std::string::npos ? text : text.substr(dash + 1);
  for (const std::string_view part : slurm_split(clock, ':')) {
    const auto number = slurm_number(part);
    if (!number || *number < 0) throw wrong();
    numbers.push_back(static_cast<double>(*number));
  }
  if (numbers.size() > 3) throw wrong();
  if (dash != std::string::npos) {
    const auto days = slurm_number(std::string_view(text).substr(0, dash));
    if (!days || *days < 0) throw wrong();
    numbers.resize(3);
    return static_cast<double>(*days) * 86400 + numbers[0] * 3600 + numbers[1] * 60 + numbers[2];
  }
  if (numbers.size() == 3) return numbers[0] * 3600 + numbers[1] * 60 + numbers[2];
  return numbers[0] * 60 + (numbers.size() == 2 ? numbers[1] : 0);
}

std::string shell_word(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace isoflop
