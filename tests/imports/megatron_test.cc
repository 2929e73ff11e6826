#include "tests/imports/log_test_support.h"

namespace isoflop {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::string megatron_line(int iteration, int samples, const std::string& loss) {
  return " iteration " + std::to_string(iteration) +
         "/     300 | consumed samples: " + std::to_string(samples) +
         " | elapsed time per iteration (ms): 500.0 | learning rate: 1.500E-06 | global batch "
         "size: "
         "   256 | lm loss: " +
         loss +
         " | loss scale: 1.0 | grad norm: 5.123 | number of skipped iterations:   0 | number "
         "of nan iterations:   0 |\n";
}

const char* const kMegatronArguments =
    "------------------------ arguments ------------------------\n"
    "  pipeline_model_parallel_size .................... 2\n"
    "  seed ............................................ 1234\n"
    "  seq_length ...................................... 2048\n"
    "  tensor_model_parallel_size ...................... 1\n"
    "-------------------- end of arguments ---------------------\n";

const char* const kMegatronRanks =
    " > number of parameters on (tensor, pipeline) model parallel rank (0, 0): 200000000\n"
    " > number of parameters on (tensor, pipeline) model parallel rank (0, 1): 154871296\n";

std::string whole_megatron_log() {
  return std::string(kMegatronArguments) + kMegatronRanks + megatron_line(100, 25600, "6.500E+00") +
         megatron_line(200, 51200, "5.000E+00") +
         " validation loss at iteration 200 | lm loss value: 5.100000E+00 | lm loss PPL: "
         "1.640E+02 | \n";
}

TEST(MegatronLogOf, GivesSamplesTimesSequenceAndTheSumOverRanks) {
  const RunImport read = import_text("gpt.log", whole_megatron_log());
  EXPECT_EQ(read.format, "megatron");
  ASSERT_EQ(read.runs.size(), 1u);
  const Observation& seen = read.runs[0].observation;
  EXPECT_EQ(seen.params, 354871296);
  EXPECT_EQ(seen.tokens, 51200 * 2048.0);
  EXPECT_EQ(seen.loss, 5.1);
  EXPECT_EQ(seen.seed, 1234);
  EXPECT_THAT(read.notes, Contains(HasSubstr("sum over 2 model-parallel ranks")));
  EXPECT_THAT(read.runs[0].provenance, HasSubstr("\"seq_length\":\"2048\""));
}

TEST(MegatronLogOf, KeepsRateNormAndTime) {
  const RunImport read = import_text("gpt.log", whole_megatron_log());
  const ImportedPoint& first = read.runs.at(0).points.at(0);
  EXPECT_EQ(first.train_loss, 6.5);
  EXPECT_EQ(first.rate, 1.5e-6);
  EXPECT_EQ(first.grad_norm, 5.123);
  EXPECT_EQ(first.seconds, 50);
  EXPECT_EQ(read.runs[0].points.at(1).seconds, 100);
}

TEST(MegatronLogOf, ABatchThatGrowsIsCountedRight) {
  const std::string text = std::string(kMegatronArguments) + kMegatronRanks +
                           megatron_line(100, 1600, "6.5E+00") +
                           megatron_line(200, 27200, "5.0E+00") +
                           " validation loss at iteration 150 | lm loss value: 5.5E+00 |\n";
  const RunImport read = import_text("gpt.log", text);
  // Halfway between the two lines that say their samples.
  EXPECT_DOUBLE_EQ(read.runs.at(0).observation.tokens, (1600 + 27200) / 2 * 2048.0);
}

TEST(MegatronLogOf, MissingRanksAreNoN) {
  std::string text = whole_megatron_log();
  text.erase(text.find(" > number of parameters on (tensor, pipeline) model parallel rank (0, 0)"),
             std::string(" > number of parameters on (tensor, pipeline) model parallel rank "
                         "(0, 0): 200000000\n")
                 .size());
  EXPECT_THAT(import_error("gpt.log", text), HasSubstr("--params"));
}

TEST(MegatronLogOf, TheSequenceMayComeFromAFlag) {
  const std::string text = std::string(kMegatronRanks) + megatron_line(100, 25600, "6.500E+00");
  const std::string error = import_error("gpt.log", text);
  EXPECT_THAT(error, HasSubstr("--context"));
  EXPECT_THAT(error, HasSubstr("--batch-tokens"));
  EXPECT_EQ(import_text("gpt.log", text, {.context = 1024}).runs.at(0).observation.tokens,
            25600 * 1024.0);
}

TEST(MegatronLogOf, ATestSetIsNotHeldOutData) {
  const std::string text =
      whole_megatron_log() +
      " validation loss at iteration 200 on test set | lm loss value: 1.000000E+00 | lm loss PPL: "
      "2.7E+00 | \n";
  const RunImport read = import_text("gpt.log", text);
  EXPECT_EQ(read.runs.at(0).observation.loss, 5.1);
  EXPECT_THAT(read.runs[0].provenance, HasSubstr("\"test loss\":1.0"));
}

TEST(MegatronLogOf, TheEndOfTrainingIsTheLastIteration) {
  const std::string text =
      whole_megatron_log() +
      "validation loss at the end of training for val data | lm loss value: 4.9E+00 | \n";
  EXPECT_EQ(import_text("gpt.log", text).runs.at(0).observation.loss, 4.9);
}

TEST(MegatronLogOf, PrefixesDatesAndTornEndsDoNoHarm) {
  std::string text = whole_megatron_log();
  text.insert(0, "[default3]:something else\n");
  const std::string stamped = " [2026-05-01 12:00:00]" + megatron_line(300, 76800, "4.0E+00");
  const std::string torn = stamped.substr(0, stamped.find("lm loss") + 12);  // "lm loss: 4.0"
  const RunImport read = import_text("gpt.log", text + torn);
  const ImportedPoint* last = point_at(read.runs.at(0), 300);
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->tokens, 76800 * 2048.0);
  EXPECT_FALSE(last->train_loss);
  EXPECT_EQ(point_at(import_text("gpt.log", text + stamped).runs.at(0), 300)->train_loss, 4);
}

TEST(MegatronLogOf, ARestartReplacesItsSteps) {
  const std::string text = whole_megatron_log() + megatron_line(200, 51200, "4.800E+00") +
                           " validation loss at iteration 200 | lm loss value: 4.9E+00 | \n";
  const RunImport read = import_text("gpt.log", text);
  EXPECT_EQ(read.runs.at(0).observation.loss, 4.9);
  EXPECT_EQ(read.runs[0].points.size(), 2u);
}

TEST(MegatronLogOf, SkippedAndNaNIterationsAreSaid) {
  std::string line = megatron_line(100, 25600, "6.5E+00");
  line.replace(line.find("skipped iterations:   0"), 23, "skipped iterations:   3");
  line.replace(line.find("nan iterations:   0"), 19, "nan iterations:   1");
  const RunImport read = import_text(
      "gpt.log", std::string(kMegatronArguments) + line + megatron_line(200, 51200, "6.0E+00"),
      {.params = 1e8});
  EXPECT_THAT(read.notes, Contains(HasSubstr("skipped iterations")));
  EXPECT_THAT(read.notes, Contains(HasSubstr("iterations with NaN")));
}

TEST(MegatronLogOf, WithoutAUsableLineSaysWhatOneLooksLike) {
  EXPECT_THAT(import_error("x.log", "nothing\n", {.format = "megatron"}),
              HasSubstr("consumed samples:"));
}

}  // namespace
}  // namespace isoflop
