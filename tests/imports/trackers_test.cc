#include <cmath>
#include <limits>
#include <sqlite3.h>

#include "tests/imports/log_test_support.h"

namespace isoflop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// An MLflow store as bytes: its tables, and whatever `sql` puts into them.
std::string mlflow_bytes(const std::string& sql) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open(":memory:", &db), SQLITE_OK);
  const std::string tables =
      "CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256));"
      "CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), status VARCHAR(9), "
      "start_time BIGINT, lifecycle_stage VARCHAR(20), experiment_id INTEGER);"
      "CREATE TABLE metrics (key VARCHAR(250), value FLOAT NOT NULL, timestamp BIGINT, "
      "run_uuid VARCHAR(32), step BIGINT DEFAULT 0, is_nan BOOLEAN, "
      "PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));"
      "CREATE TABLE latest_metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, step BIGINT, "
      "is_nan BOOLEAN, run_uuid VARCHAR(32));"
      "CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));"
      "INSERT INTO experiments VALUES (1, 'sweep');";
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(db, (tables + sql).c_str(), nullptr, nullptr, &message), SQLITE_OK)
      << (message != nullptr ? message : "");
  sqlite3_int64 size = 0;
  unsigned char* bytes = sqlite3_serialize(db, "main", &size, 0);
  std::string out(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  sqlite3_free(bytes);
  sqlite3_close(db);
  return out;
}

const char* const kTwoRuns =
    "INSERT INTO runs VALUES ('r1', 'small', 'FINISHED', 1000, 'active', 1),"
    " ('r2', 'large', 'FINISHED', 2000, 'active', 1);"
    "INSERT INTO params VALUES ('n_params', '1.5M', 'r1'), ('tokens', '30000000', 'r1'),"
    " ('seed', '7', 'r1'), ('n_params', '3000000', 'r2'), ('batch_tokens', '1000', 'r2');"
    "INSERT INTO metrics VALUES ('val_loss', 5.0, 1000, 'r1', 50, 0), "
    " ('val_loss', 4.5, 61000, 'r1', 100, 0), ('train_loss', 4.4, 61000, 'r1', 100, 0),"
    " ('lr', 0.001, 61000, 'r1', 100, 0),"
    " ('val_loss', 4.0, 3000, 'r2', 100, 0), ('val_loss', 3.9, 4000, 'r2', 100, 0);";

TEST(MlflowStore, GivesARunEach) {
  const RunImport read = import_text("mlflow.db", mlflow_bytes(kTwoRuns));
  EXPECT_EQ(read.format, "mlflow");
  ASSERT_EQ(read.runs.size(), 2u);
  const ImportedRun& small = read.runs[0];
  EXPECT_EQ(small.source_id, "r1");
  EXPECT_EQ(small.observation.trial, "small");
  EXPECT_EQ(small.observation.params, 1.5e6);
  EXPECT_EQ(small.observation.tokens, 3e7);
  EXPECT_EQ(small.observation.loss, 4.5);
  EXPECT_EQ(small.observation.seed, 7);
  EXPECT_EQ(point_at(small, 50)->tokens, 1.5e7);
  EXPECT_EQ(point_at(small, 100)->train_loss, 4.4);
  EXPECT_EQ(point_at(small, 100)->rate, 0.001);
  EXPECT_EQ(point_at(small, 100)->seconds, 60);
  EXPECT_THAT(small.provenance, HasSubstr("\"experiment\":\"sweep\""));
  EXPECT_THAT(read.notes, ElementsAre(HasSubstr("logged more than once")));
  // Said twice for its step: the later counts.
  EXPECT_EQ(read.runs[1].observation.loss, 3.9);
  EXPECT_EQ(read.runs[1].observation.tokens, 100'000);
}

TEST(MlflowStore, RunsThatDidNotFinishAreDroppedWithTheReason) {
  const std::string bytes = mlflow_bytes(
      std::string(kTwoRuns) +
      "INSERT INTO runs VALUES ('r3', 'x', 'RUNNING', 3000, 'active', 1),"
      " ('r4', 'y', 'FINISHED', 4000, 'deleted', 1), ('r5', 'z', 'FINISHED', 5000, 'active', 1);"
      "INSERT INTO metrics VALUES ('val_loss', 2.0, 1, 'r3', 1, 0),"
      " ('val_loss', 0, 1, 'r5', 1, 1);"
      "INSERT INTO params VALUES ('n_params', '10', 'r5'), ('tokens', '10', 'r5');");
  const RunImport read = import_text("mlflow.db", bytes);
  EXPECT_EQ(read.runs.size(), 2u);
  ASSERT_EQ(read.dropped.size(), 3u);
  EXPECT_EQ(read.dropped[0].why, "x: its status is RUNNING");
  EXPECT_THAT(read.dropped[1].why, HasSubstr("deleted"));
  EXPECT_THAT(read.dropped[2].why, HasSubstr("diverged"));
}

TEST(MlflowStore, NamesMayBeMapped) {
  ImportOptions options;
  options.map = parse_column_map("loss=quality,params=size,tokens=D");
  const std::string bytes = mlflow_bytes(
      "INSERT INTO runs VALUES ('r1', 'a', 'FINISHED', 1, 'active', 1);"
      "INSERT INTO params VALUES ('size', '1000', 'r1');"
      "INSERT INTO metrics VALUES ('quality', 2.5, 1, 'r1', 0, 0), ('D', 5000, 1, 'r1', 0, 0);");
  const RunImport read = import_text("mlflow.db", bytes, options);
  EXPECT_EQ(read.runs.at(0).observation.loss, 2.5);
  EXPECT_EQ(read.runs[0].observation.tokens, 5000);
  EXPECT_THAT(import_error("mlflow.db", bytes),
              HasSubstr("it has D, quality); name one with --map loss="));
}

TEST(MlflowStore, ARunThatLacksSomethingIsDroppedBesideOthers) {
  const RunImport read = import_text(
      "mlflow.db",
      mlflow_bytes(std::string(kTwoRuns) +
                   "INSERT INTO runs VALUES ('r3', 'odd', 'FINISHED', 3000, 'active', 1);"
                   "INSERT INTO metrics VALUES ('val_loss', 2.0, 1, 'r3', 10, 0);"));
  EXPECT_EQ(read.runs.size(), 2u);
  EXPECT_THAT(read.dropped.at(0).why, HasSubstr("odd: does not say how many parameters"));
}

TEST(MlflowStore, InfinityIsStoredAsTheLargestNumber) {
  const RunImport read = import_text(
      "mlflow.db",
      mlflow_bytes(
          "INSERT INTO runs VALUES ('r1', 'a', 'FINISHED', 1, 'active', 1);"
          "INSERT INTO metrics VALUES ('val_loss', 1.7976931348623157e308, 1, 'r1', 5, 0);"));
  EXPECT_TRUE(read.runs.empty());
  EXPECT_THAT(read.dropped.at(0).why, HasSubstr("diverged"));
}

TEST(MlflowStore, AForeignSchemaIsNotTrusted) {
  // A view that never ends in the place of a table.
  const std::string endless = mlflow_bytes(
      "DROP TABLE runs; CREATE VIEW runs AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + "
      "1 "
      "FROM n) SELECT x AS run_uuid, x AS name, 'FINISHED' AS status, 1 AS start_time, 'active' AS "
      "lifecycle_stage, 1 AS experiment_id FROM n;");
  EXPECT_THAT(import_error("mlflow.db", endless), HasSubstr("no MLflow store"));
  const std::string other = mlflow_bytes("ALTER TABLE metrics RENAME COLUMN is_nan TO other;");
  EXPECT_THAT(import_error("mlflow.db", other), HasSubstr("is_nan"));
}

TEST(MlflowStore, DamagedBytesAreAnErrorAndNothingElse) {
  const std::string whole = mlflow_bytes(kTwoRuns);
  for (std::size_t at = 0; at < whole.size(); at += 97) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
    try {
      import_text("mlflow.db", damaged, {.format = "mlflow"});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    }
  }
  EXPECT_THAT(import_error("mlflow.db", whole.substr(0, 4096), {.format = "mlflow"}),
              HasSubstr("mlflow.db"));
  EXPECT_THAT(import_error("mlflow.db", "nothing", {.format = "mlflow"}),
              HasSubstr("SQLite format 3"));
}

TEST(MetricsCsv, OfLightningGivesARun) {
  const std::string text =
      "epoch,step,train_loss,val_loss\n0,49,3.91,\n0,49,,3.87\n1,99,3.51,\n1,99,,3.55\n";
  const RunImport read = import_text("lightning_logs/version_3/metrics.csv", text,
                                     {.params = 1e6, .batch_tokens = 1000});
  EXPECT_EQ(read.format, "metrics-csv");
  ASSERT_EQ(read.runs.size(), 1u);
  EXPECT_EQ(read.runs[0].source_id, "lightning_logs/version_3");
  EXPECT_EQ(read.runs[0].observation.loss, 3.55);
  EXPECT_EQ(read.runs[0].observation.tokens, 99'000);
  EXPECT_EQ(read.runs[0].points.size(), 2u);
  EXPECT_EQ(read.runs[0].points[0].train_loss, 3.91);
}

TEST(MetricsCsv, OfLitgptSaysItsTokens) {
  const std::string text =
      "iter,iter_time,learning_rate,loss,step,tokens,total_tokens,val_loss\r\n"
      "9,0.1,0.0004,4.0,9,5000,10000,\r\n19,0.1,0.0003,3.5,19,10000,20000,\r\n,,,,19,,,3.6\r\n";
  const RunImport read = import_text("metrics.csv", text, {.params = 1e6});
  EXPECT_EQ(read.runs.at(0).observation.loss, 3.6);
  EXPECT_EQ(read.runs[0].points.at(1).rate, 0.0003);
}

TEST(MetricsCsv, ATableThatNamesSizesIsNotAMetricsFile) {
  for (const ImportFormat& format : import_formats()) {
    if (format.name != "metrics-csv") continue;
    const auto is_one = [&](const std::string& header) {
      const std::string text = header + "\n1,2,3\n";
      return format.recognises({.path = "metrics.csv", .bytes = text});
    };
    EXPECT_TRUE(is_one("epoch,step,val_loss"));
    EXPECT_TRUE(is_one("\"step\",\"lr\",\"loss\""));
    EXPECT_FALSE(is_one("step,total_parameter_count,loss_validation"));
    EXPECT_FALSE(is_one("run_name,step,loss"));
    EXPECT_FALSE(is_one("step,small - loss,large - loss"));
    EXPECT_FALSE(is_one("epoch,accuracy,loss"));
  }
}

TEST(MetricsCsv, AStepThatIsNoNumberIsAnErrorWithItsLine) {
  EXPECT_THAT(import_error("m.csv", "step,loss\n1,3\nx,2\n", {.params = 1e6, .batch_tokens = 10}),
              HasSubstr("m.csv:3: step"));
}

TEST(TrackerLines, OfLevanterGiveTheSummary) {
  const std::string text =
      R"({"config": {"trainer": {"seed": 4}, "model": {"type": "llama"}}, "summary": {"_step": 999,)"
      R"( "eval/loss": 3.25, "train/loss": 3.1, "parameter_count": 1.5e8,)"
      R"( "throughput/total_tokens": 2e9, "eval/extra/loss": Infinity}})"
      "\n";
  const RunImport read = import_text("runs/x/tracker_metrics.jsonl", text);
  EXPECT_EQ(read.format, "tracker-jsonl");
  ASSERT_EQ(read.runs.size(), 1u);
  EXPECT_EQ(read.runs[0].source_id, "x");
  EXPECT_EQ(read.runs[0].observation.params, 1.5e8);
  EXPECT_EQ(read.runs[0].observation.tokens, 2e9);
  EXPECT_EQ(read.runs[0].observation.loss, 3.25);
  EXPECT_EQ(read.runs[0].observation.seed, 4);
  EXPECT_THAT(read.runs[0].provenance, HasSubstr("llama"));
}

TEST(TrackerLines, OfEventsGiveACurveAmongOtherOutput) {
  const std::string text =
      "I 12:00 starting\n"
      "I 12:01 {\"tracker\": \"json\", \"step\": 10, \"metrics\": {\"train/loss\": 4.0, "
      "\"throughput/total_tokens\": 1000}}\n"
      "{broken\n"
      "{\"tracker\": \"json\", \"step\": 20, \"metrics\": {\"train/loss\": 3.0, \"eval/loss\": "
      "3.5, "
      "\"throughput/total_tokens\": 2000}}\n"
      "{\"tracker\": \"json\", \"step\": 30, \"metr";
  const RunImport read = import_text("out.log", text, {.params = 1e6});
  EXPECT_EQ(read.runs.at(0).observation.loss, 3.5);
  EXPECT_EQ(read.runs[0].observation.tokens, 2000);
  EXPECT_EQ(read.runs[0].points.size(), 2u);
}

TEST(TrackerLines, OfSeveralHeldOutLossesOneMustBeNamed) {
  const std::string text =
      R"({"config": {}, "summary": {"_step": 9, "eval/c4/loss": 3.25, "eval/pile/loss": 2.5,)"
      R"( "eval/bpb": 0.9, "parameter_count": 1e6, "throughput/total_tokens": 1e7}})";
  EXPECT_THAT(import_error("t.jsonl", text), HasSubstr("--map loss=eval/c4/loss"));
  ImportOptions options;
  options.map.loss = "eval/bpb";
  const RunImport read = import_text("t.jsonl", text, options);
  EXPECT_EQ(read.runs.at(0).observation.loss, 0.9);
  EXPECT_EQ(read.loss_unit, "bits_per_byte");
}

TEST(TrackerLines, DeepNestingEndsSomewhere) {
  std::string text = "{\"step\": 1, \"loss\": 2, \"x\": ";
  for (int i = 0; i < 5000; ++i) text += "{\"a\": ";
  text += "1" + std::string(5001, '}');
  const RunImport read = import_text("t.jsonl", text, {.params = 1e6, .batch_tokens = 10});
  EXPECT_EQ(read.runs.at(0).observation.loss, 2);
}

}  // namespace
}  // namespace isoflop
