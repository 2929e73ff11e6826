#include "law/constraints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

const LawForm& chinchilla() { return law_form("chinchilla"); }

std::string complaint(const std::string& text, const LawForm& form = chinchilla()) {
  try {
    parse_constraint(text, form);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

std::string complaint_about(const std::vector<std::string>& texts,
                            const LawForm& form = chinchilla()) {
  try {
    std::vector<ParameterConstraint> all;
    for (const std::string& text : texts) all.push_back(parse_constraint(text, form));
    joined_constraints(all, form);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

TEST(Constraints, TheFourKindsAreRead) {
  EXPECT_EQ(parse_constraint("E=1.7", chinchilla()),
            (ParameterConstraint{.name = "E", .fixed = 1.7}));
  EXPECT_EQ(parse_constraint(" beta = 0.1 : 0.6 ", chinchilla()),
            (ParameterConstraint{.name = "beta", .low = 0.1, .high = 0.6}));
  EXPECT_EQ(parse_constraint("beta=:0.6", chinchilla()),
            (ParameterConstraint{.name = "beta", .high = 0.6}));
  EXPECT_EQ(parse_constraint("beta=0.1:", chinchilla()),
            (ParameterConstraint{.name = "beta", .low = 0.1}));
  const ParameterConstraint prior{.name = "alpha", .prior_mean = 0.35, .prior_sd = 0.05};
  EXPECT_EQ(parse_constraint("alpha=0.35±0.05", chinchilla()), prior);
  EXPECT_EQ(parse_constraint("alpha=0.35+-0.05", chinchilla()), prior);
  EXPECT_EQ(parse_constraint("alpha=0.35 +/- 0.05", chinchilla()), prior);
  EXPECT_EQ(parse_constraint("alpha=beta", chinchilla()),
            (ParameterConstraint{.name = "alpha", .tied_to = "beta"}));
}

TEST(Constraints, NumbersMayBeNegativeOrHaveExponents) {
  EXPECT_EQ(parse_constraint("a=-0.08", law_form("clark")).fixed, -0.08);
  EXPECT_EQ(parse_constraint("A=4.8e2", chinchilla()).fixed, 480);
  EXPECT_EQ(parse_constraint("b=-0.2:-0.05", law_form("clark")).low, -0.2);
}

TEST(Constraints, AWrongNameIsAnsweredWithTheNearest) {
  EXPECT_THAT(complaint("alhpa=0.3"), HasSubstr("did you mean alpha?"));
  EXPECT_THAT(complaint("alpha=btea"), HasSubstr("did you mean beta?"));
  EXPECT_THAT(complaint("R_D=15"), HasSubstr("it has E, A, B, alpha, beta"));
}

TEST(Constraints, NonsenseIsRefusedWithTheForms) {
  for (const char* text : {"E", "E=", "E=1.7:x", "E=±0.1", "E=1.7±", "E=1.7±0", "E=1.7±-1",
                           "E=:", "E=2:1", "E=1:1", "E=nan", "E=inf", "=3", "E=1.7:inf"}) {
    EXPECT_NE(complaint(text), "") << text;
  }
  EXPECT_THAT(complaint("E"), HasSubstr("NAME=0.35±0.05 (prior)"));
}

TEST(Constraints, WhatIsSaidOfOneParameterIsJoined) {
  const std::vector<ParameterConstraint> all = {parse_constraint("beta=0.1:0.6", chinchilla()),
                                                parse_constraint("E=1.7", chinchilla()),
                                                parse_constraint("beta=0.3±0.1", chinchilla())};
  const auto joined = joined_constraints(all, chinchilla());
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[0],
            (ParameterConstraint{
                .name = "beta", .low = 0.1, .high = 0.6, .prior_mean = 0.3, .prior_sd = 0.1}));
  EXPECT_EQ(text_of(joined[0]), "0.1 <= beta <= 0.6, beta = 0.3 ± 0.1");
  EXPECT_EQ(text_of(joined[1]), "E = 1.7");
}

TEST(Constraints, ContradictionsAreRefused) {
  EXPECT_THAT(complaint_about({"E=1.7", "E=1.8"}), HasSubstr("contradict"));
  EXPECT_THAT(complaint_about({"E=1.7", "E=1:2"}), HasSubstr("no other constraint"));
  EXPECT_THAT(complaint_about({"alpha=beta", "beta=alpha"}), HasSubstr("tied"));
  EXPECT_THAT(complaint_about({"alpha=alpha"}), HasSubstr("itself"));
  EXPECT_THAT(complaint_about({"E=-1"}), HasSubstr("outside"));
  EXPECT_THAT(complaint_about({"alpha=90:100"}), HasSubstr("no value lies in"));
  EXPECT_EQ(complaint_about({"E=1.7", "E=1.7", "alpha=beta", "beta=0.1:0.6"}), "");
}

TEST(Constraints, ATieToWhatTheFormTiesItselfIsRefusedUnlessThatIsFreed) {
  EXPECT_NE(complaint_about({"alpha=beta"}, law_form("muennighoff")), "");
  EXPECT_EQ(complaint_about({"alpha=beta", "beta=0.1:2"}, law_form("muennighoff")), "");
}

}  // namespace
}  // namespace isoflop
