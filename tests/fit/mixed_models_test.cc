#include "fit/mixed_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> codes_for(const std::vector<Observation>& runs, const char* law) {
  std::vector<std::string> codes;
  for (const Warning& w : warn_of_mixed_models(runs, law_form(law))) codes.push_back(w.code);
  return codes;
}

Observation kind(double experts, double granularity, double sparsity) {
  return {.params = 1e6,
          .tokens = 1e7,
          .extra = {{"experts", experts}, {"granularity", granularity}, {"sparsity", sparsity}}};
}

using Codes = std::vector<std::string>;
const Codes kMixed{"mixed_experts"};

TEST(MixedModels, LawsThatKnowNoExpertsAreWarnedOfRunsThatDifferInThem) {
  const std::vector<Observation> mixed{kind(1, 1, 0), kind(8, 1, 7.0 / 8)};
  EXPECT_EQ(codes_for(mixed, "chinchilla"), kMixed);
  EXPECT_EQ(codes_for(mixed, "krajewski"), kMixed);
  for (const char* law : {"clark", "ludziejewski", "abnar"}) {
    EXPECT_EQ(codes_for(mixed, law), Codes{}) << law;
    EXPECT_TRUE(knows_experts(law_form(law)));
  }
  EXPECT_TRUE(knows_experts(law_form("krajewski")));
  EXPECT_FALSE(knows_experts(law_form("muennighoff")));
  const std::vector<Observation> one{kind(8, 1, 7.0 / 8), kind(8, 1, 0.875)};
  EXPECT_EQ(codes_for(one, "chinchilla"), Codes{});
  EXPECT_EQ(codes_for({{.params = 1e6, .tokens = 1e7}, kind(1, 1, 0)}, "chinchilla"), Codes{});
}

TEST(MixedModels, GranularityAloneIsKrajewskisToKnow) {
  const std::vector<Observation> fine{kind(8, 1, 0.875), kind(32, 4, 0.875)};
  EXPECT_EQ(codes_for(fine, "krajewski"), Codes{});
  EXPECT_EQ(codes_for(fine, "chinchilla"), kMixed);
}

TEST(MixedModels, LawsOfExpertsAreWarnedOfWhatTheyDoNotKnowOfThem) {
  const std::vector<Observation> finer{kind(1, 1, 0), kind(8, 1, 7.0 / 8), kind(16, 2, 7.0 / 8)};
  const std::vector<Observation> more{kind(8, 1, 7.0 / 8), kind(8, 1, 6.0 / 8)};
  const std::vector<Observation> alike{kind(1, 1, 0), kind(8, 2, 6.0 / 8), kind(16, 2, 7.0 / 8)};
  for (const char* law : {"clark", "ludziejewski"}) {
    EXPECT_EQ(codes_for(finer, law), kMixed) << law;
    EXPECT_EQ(codes_for(more, law), kMixed) << law;
    EXPECT_EQ(codes_for(alike, law), Codes{}) << law;
  }
  EXPECT_EQ(codes_for(finer, "abnar"), kMixed);
  EXPECT_EQ(codes_for(more, "abnar"), Codes{}) << "S says it";
}

TEST(MixedModels, MoreThanFourPassesAskForTheLawThatKnowsThem) {
  const auto passes = [](double epochs) {
    return std::vector<Observation>{
        {.params = 1e6, .tokens = 1e7},
        {.params = 1e6, .tokens = 1e7, .extra = {{"unique_tokens", 1e7 / epochs}}}};
  };
  EXPECT_EQ(codes_for(passes(4), "chinchilla"), Codes{});
  EXPECT_EQ(codes_for(passes(5), "chinchilla"), Codes{"repeated_data"});
  EXPECT_EQ(codes_for(passes(5), "muennighoff"), Codes{});
  EXPECT_THAT(warn_of_mixed_models(passes(16), law_form("chinchilla"))[0].message,
              HasSubstr("16 times"));
}

}  // namespace
}  // namespace isoflop
