#include "io/attempt_json.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/attempt_file.h"
#include "io/json.h"

namespace isoflop {
namespace {

constexpr std::size_t kCurveColumns = 9;

constexpr std::array<std::pair<OutcomeStatus, const char*>, 5> kStatusNames{{
    {OutcomeStatus::kDone, "done"},
    {OutcomeStatus::kDiverged, "diverged"},
    {OutcomeStatus::kInterrupted, "interrupted"},
    {OutcomeStatus::kOutOfMemory, "out_of_memory"},
    {OutcomeStatus::kFailed, "failed"},
}};

// Reasons and names of hosts come from outside and need not be UTF-8. Numbers that are not finite
// become null.
std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json maybe_json(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json point_json(const CurvePoint& p) {
  Json row = Json::array({p.step, p.tokens, p.flops, p.train_loss, maybe_json(p.heldout_loss),
                          maybe_json(p.heldout_error), p.rate, p.grad_norm, p.seconds});
  if (!p.router) return row;
  for (const auto& field : kRouterStatsFields) row.push_back((*p.router).*field.value);
  return row;
}

Json evaluations_json(const std::vector<Evaluation>& evaluations) {
  Json json = Json::array();
  for (const Evaluation& e : evaluations) {
    json.push_back({{"heldout", e.heldout},
                    {"loss", e.loss},
                    {"standard_error", e.standard_error},
                    {"bits_per_byte", maybe_json(e.bits_per_byte)},
                    {"tokens", e.tokens},
                    {"excess", maybe_json(e.excess)},
                    {"excess_error", maybe_json(e.excess_error)}});
  }
  return json;
}

const char* status_name(OutcomeStatus status) {
  for (const auto& [value, name] : kStatusNames) {
    if (value == status) return name;
  }
  return "failed";
}

OutcomeStatus read_status(const JsonReader& reader) {
  const std::string text = reader.text("status");
  for (const auto& [value, name] : kStatusNames) {
    if (text == name) return value;
  }
  reader.fail("status", "\"" + text + "\" is not known to this version of isoflop");
}

// null stands for a number that was not finite.
double number_or_nan(const Json& value) {
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  return value.get<double>();
}

std::optional<double> maybe_value(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return value.get<double>();
}

std::optional<RouterStats> read_router(const Json& row) {
  if (row.size() == kCurveColumns) return std::nullopt;
  RouterStats stats;
  std::size_t column = kCurveColumns;
  for (const auto& field : kRouterStatsFields) stats.*field.value = number_or_nan(row[column++]);
  return stats;
}

CurvePoint read_point(const Json& row) {
  const bool dense = row.is_array() && row.size() == kCurveColumns;
  const bool sparse = row.is_array() && row.size() == kCurveColumns + kRouterStatsFields.size();
  if (!dense && !sparse) throw usage_error("a point of the curve is not a list of 9 or 15");
  return {.step = row[0].get<std::int64_t>(),
          .tokens = number_or_nan(row[1]),
          .flops = number_or_nan(row[2]),
          .train_loss = number_or_nan(row[3]),
          .heldout_loss = maybe_value(row[4]),
          .heldout_error = maybe_value(row[5]),
          .rate = number_or_nan(row[6]),
          .grad_norm = number_or_nan(row[7]),
          .seconds = number_or_nan(row[8]),
          .router = read_router(row)};
}

Evaluation read_evaluation(const Json& json) {
  return {.heldout = json.at("heldout").get<std::string>(),
          .loss = number_or_nan(json.at("loss")),
          .standard_error = number_or_nan(json.at("standard_error")),
          .bits_per_byte = maybe_value(json.at("bits_per_byte")),
          .tokens = number_or_nan(json.at("tokens")),
          .excess = maybe_value(json.at("excess")),
          .excess_error = maybe_value(json.at("excess_error"))};
}

Outcome read_outcome(const Json& json) {
  Outcome outcome{.status = read_status(JsonReader(json, "end")),
                  .reason = json.at("reason").get<std::string>(),
                  .steps = json.at("steps").get<std::int64_t>(),
                  .tokens = number_or_nan(json.at("tokens")),
                  .seconds = number_or_nan(json.at("seconds")),
                  .unique_tokens = number_or_nan(json.at("unique_tokens")),
                  .epochs = number_or_nan(json.at("epochs")),
                  .flops = number_or_nan(json.at("flops")),
                  .resumed_at = json.at("resumed_at").get<std::int64_t>(),
                  .mfu = maybe_value(json.at("mfu")),
                  .notes = json.at("notes").get<std::vector<std::string>>()};
  for (const Json& item : json.at("evaluations")) {
    outcome.evaluations.push_back(read_evaluation(item));
  }
  return outcome;
}

void read_header(const Json& line, ForeignAttempt& attempt) {
  const JsonReader reader = JsonReader(line, "line 1").object("attempt");
  attempt.identity = reader.text("identity");
  attempt.worker = {.host = reader.text("host"),
                    .boot_id = reader.text("boot_id"),
                    .pid_namespace = reader.whole("pid_namespace"),
                    .pid = reader.whole("pid"),
                    .start_ticks = reader.whole("start_ticks"),
                    .device = reader.text("device")};
  attempt.job = reader.text("job");
  attempt.restart = reader.whole("restart");
  attempt.assigned = reader.number("assigned");
  attempt.version = reader.text("version");
  attempt.compiler = reader.text("compiler");
  attempt.micro_batch = reader.whole("micro_batch");
  attempt.started = reader.number("started");
  attempt.heartbeat = attempt.started;
}

// All of a line or nothing of it.
void read_line(const Json& line, ForeignAttempt& attempt) {
  const double at = line.at("at").get<double>();
  if (const auto end = line.find("end"); end != line.end()) {
    Outcome outcome = read_outcome(*end);
    attempt.final = line.at("final").get<bool>();
    attempt.tokens_done = std::max(attempt.tokens_done, outcome.tokens);
    attempt.outcome = std::move(outcome);
  } else {
    const double tokens = number_or_nan(line.at("tokens"));
    std::vector<CurvePoint> points;
    if (const auto curve = line.find("curve"); curve != line.end()) {
      for (const Json& row : *curve) points.push_back(read_point(row));
    }
    attempt.tokens_done = std::max(attempt.tokens_done, tokens);
    attempt.curve.insert(attempt.curve.end(), points.begin(), points.end());
  }
  attempt.heartbeat = std::max(attempt.heartbeat, at);
}

// Lines up to the first that is not whole.
class AttemptLines {
 public:
  AttemptLines(std::string_view text, AttemptRead& result) : rest_(text), result_(result) {}

  void read_all() {
    while (result_.damage.empty() && next()) read();
  }

 private:
  bool next() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) return false;
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    ++number_;
    return true;
  }

  void read() {
    try {
      if (result_.attempt.outcome) throw usage_error("stands after its end");
      const Json line = Json::parse(line_);
      if (number_ == 1) {
        read_header(line, result_.attempt);
        result_.usable = true;
      } else {
        read_line(line, result_.attempt);
      }
    } catch (const Json::exception&) {
      damaged("is not a line of an attempt");
    } catch (const Error& error) {
      damaged(error.what());
    }
  }

  void damaged(const std::string& what) {
    result_.damage = "line " + std::to_string(number_) + ": " + what;
  }

  std::string_view rest_;
  std::string_view line_ = {};
  int number_ = 0;
  AttemptRead& result_;
};

}  // namespace

std::string attempt_header_line(const ForeignAttempt& attempt) {
  return json_line({{"attempt",
                     {{"identity", attempt.identity},
                      {"host", attempt.worker.host},
                      {"boot_id", attempt.worker.boot_id},
                      {"pid_namespace", attempt.worker.pid_namespace},
                      {"pid", attempt.worker.pid},
                      {"start_ticks", attempt.worker.start_ticks},
                      {"device", attempt.worker.device},
                      {"job", attempt.job},
                      {"restart", attempt.restart},
                      {"assigned", attempt.assigned},
                      {"version", attempt.version},
                      {"compiler", attempt.compiler},
                      {"micro_batch", attempt.micro_batch},
                      {"started", attempt.started}}}});
}

std::string attempt_curve_line(std::span<const CurvePoint> points, double at) {
  Json curve = Json::array();
  for (const CurvePoint& point : points) curve.push_back(point_json(point));
  return json_line({{"at", at}, {"tokens", points.back().tokens}, {"curve", std::move(curve)}});
}

std::string attempt_heartbeat_line(double tokens_done, double at) {
  return json_line({{"at", at}, {"tokens", tokens_done}});
}

std::string attempt_end_line(const Outcome& outcome, bool final, double at) {
  return json_line({{"at", at},
                    {"end",
                     {{"status", status_name(outcome.status)},
                      {"reason", outcome.reason},
                      {"evaluations", evaluations_json(outcome.evaluations)},
                      {"steps", outcome.steps},
                      {"tokens", outcome.tokens},
                      {"seconds", outcome.seconds},
                      {"unique_tokens", outcome.unique_tokens},
                      {"epochs", outcome.epochs},
                      {"flops", outcome.flops},
                      {"resumed_at", outcome.resumed_at},
                      {"mfu", maybe_json(outcome.mfu)},
                      {"notes", outcome.notes}}},
                    {"final", final}});
}

AttemptRead read_attempt_text(std::string_view text, const std::string& path) {
  AttemptRead result;
  result.attempt.origin = origin_of(path);
  AttemptLines(text, result).read_all();
  if (!result.damage.empty()) result.damage = path + ": " + result.damage;
  return result;
}

AttemptRead read_attempt(const std::string& path) {
  try {
    return read_attempt_text(read_whole_file(path), path);
  } catch (const Error& error) {
    AttemptRead result;
    result.attempt.origin = origin_of(path);
    result.damage = error.what();
    return result;
  }
}

}  // namespace isoflop
