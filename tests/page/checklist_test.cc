#include "page/checklist.h"

#include <gmock/gmock.h>
#include <map>
#include <set>

#include "fit/fit_law.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Rows of a law, exact but for a wave that stands for scatter.
std::vector<Observation> rows_of_a_law() {
  std::vector<Observation> rows;
  for (const double budget : {6e18, 3e19, 1.5e20, 7.5e20}) {
    for (const double ratio : {5.0, 10.0, 20.0, 40.0, 80.0}) {
      Observation o;
      o.params = std::sqrt(budget / 6 / ratio);
      o.tokens = ratio * o.params;
      o.flops = budget;
      o.budget = budget;
      o.row = static_cast<std::int64_t>(rows.size());
      o.loss = (1.7 + 400 * std::pow(o.params, -0.34) + 1200 * std::pow(o.tokens, -0.34)) *
               (1 + 0.002 * std::sin(12.9 * static_cast<double>(o.row)));
      rows.push_back(o);
    }
  }
  return rows;
}

// Fitted once for all tests: a fit with profiles takes a moment.
const ReportData& table_report() {
  static const ReportData data = [] {
    ReportData made{.title = "runs", .source = "runs.csv", .version = "0.1.0"};
    made.observations = rows_of_a_law();
    FitOptions options{.draws = 50, .approach = 0, .diagnostics = true, .profiles = true};
    made.fit = fit_law(made.observations, "runs.csv", options);
    return made;
  }();
  return data;
}

Trial decoder_trial(std::int64_t width, double rate) {
  Trial trial;
  trial.model.width = width;
  trial.train.rate = rate;
  trial.train.tokens = 1e6;
  return trial;
}

ReportData sweep_report(std::vector<Trial> trials) {
  ReportData data = table_report();
  data.sweep = ReportSweep{.trials = std::move(trials)};
  return data;
}

std::map<std::string, std::string> answers_of(const ReportData& data) {
  std::map<std::string, std::string> answers;
  for (const ChecklistItem& item : reporting_checklist(data)) answers[item.question] = item.answer;
  return answers;
}

const std::set<std::string>& recipe_questions() {
  static const std::set<std::string> questions{"What was the learning rate?",
                                               "What was the batch?",
                                               "What was the warm-up?",
                                               "Which schedule, and does it match D?",
                                               "Which optimizer, with what settings?",
                                               "What context length?",
                                               "What shapes have the models?",
                                               "Which seeds?",
                                               "Is the output head tied to the embedding?",
                                               "Losses of training, or held out?"};
  return questions;
}

TEST(Checklist, HasTheElevenGroupsInOrderAndNoQuestionTwice) {
  std::vector<std::string> groups;
  std::set<std::string> questions;
  for (const ChecklistItem& item : reporting_checklist({})) {
    if (groups.empty() || groups.back() != item.group) groups.push_back(item.group);
    EXPECT_TRUE(questions.insert(item.question).second) << item.question;
  }
  ASSERT_THAT(groups, SizeIs(11));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    EXPECT_EQ(groups[i].rfind(std::to_string(i + 1) + ". ", 0), 0u) << groups[i];
  }
}

TEST(Checklist, OfATableTheTrainingIsNotReported) {
  const auto answers = answers_of(table_report());
  for (const std::string& question : recipe_questions())
    EXPECT_EQ(answers.at(question), "") << question;
  EXPECT_EQ(answers.at("What does N count?"), "");
  EXPECT_THAT(answers.at("How many runs, and how many sizes?"), HasSubstr("20 runs"));
}

TEST(Checklist, OfATableEverythingAboutTheFitIsReported) {
  const auto items = reporting_checklist(table_report());
  const std::set<std::string> unknown{"How does it move with Huber's delta?",
                                      "What are the intervals of N*, D* and the loss?",
                                      "How far beyond the largest run is the target?"};
  for (const ChecklistItem& item : items) {
    const int group = std::stoi(item.group);
    if (group < 5 || group > 10 || unknown.contains(item.question)) continue;
    EXPECT_NE(item.answer, "") << item.group << ' ' << item.question;
  }
}

TEST(Checklist, OfATabularSweepTheTrainingIsFilledIn) {
  Trial trial;
  trial.trainer = "tabular";
  trial.data.source = "zipf";
  trial.tabular_params = 1000;
  const auto answers = answers_of(sweep_report({trial}));
  for (const std::string& question : recipe_questions())
    EXPECT_NE(answers.at(question), "") << question;
  EXPECT_THAT(answers.at("What was the learning rate?"), HasSubstr("tabular learner"));
  EXPECT_THAT(answers.at("Which data?"), HasSubstr("Zipf facts"));
}

TEST(Checklist, OfATrainedSweepItSaysWhatTheTrialsSay) {
  const auto answers = answers_of(sweep_report({decoder_trial(32, 0.01), decoder_trial(64, 0.02)}));
  for (const std::string& question : recipe_questions())
    EXPECT_NE(answers.at(question), "") << question;
  EXPECT_THAT(answers.at("What was the learning rate?"), HasSubstr("0.01 to 0.02 (2 values)"));
  EXPECT_THAT(answers.at("Which optimizer, with what settings?"), HasSubstr("AdamW (0.9, 0.99)"));
  EXPECT_THAT(answers.at("Which schedule, and does it match D?"), HasSubstr("cosine"));
  EXPECT_THAT(answers.at("How was it tuned?"), HasSubstr("no bracket"));
}

TEST(Checklist, RowsLeftOutByHandAreThereWithTheirReason) {
  ReportData data = table_report();
  data.fit->exclusions = {{"0-4", "diverged after a restart"}};
  EXPECT_THAT(answers_of(data).at("Which rows were left out, by which rule?"),
              HasSubstr("0-4, because: diverged after a restart"));
}

TEST(Checklist, WithoutAFitNothingIsSaidOfIt) {
  for (const ChecklistItem& item : reporting_checklist({})) {
    const int group = std::stoi(item.group);
    if (group < 5 || group > 9) continue;
    EXPECT_EQ(item.answer, "") << item.question;
  }
}

}  // namespace
}  // namespace isoflop
