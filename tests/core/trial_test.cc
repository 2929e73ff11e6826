#include "core/trial.h"

#include <gtest/gtest.h>
#include <set>

#include "core/error.h"

namespace isoflop {
namespace {

Trial some_trial() {
  Trial trial;
  trial.data.hash = "abc";
  trial.train.tokens = 123456;
  trial.train.rate = 0.1 + 0.2;  // a number with 17 digits
  trial.model.positions = Positions::kLearned;
  return trial;
}

std::string error_of(std::string_view key, std::string_view value) {
  Trial trial;
  try {
    set_key(trial, key, value);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    return error.what();
  }
  return "no error";
}

TEST(Trial, EveryKeyReadsBackAsItself) {
  const Trial trial = some_trial();
  Trial copy;
  for (const std::string& key : trial_keys()) set_key(copy, key, get_key(trial, key));
  EXPECT_EQ(copy, trial);
}

TEST(Trial, IdentityIsAPureFunctionOfTheFields) {
  EXPECT_EQ(identity(some_trial()), identity(some_trial()));
  EXPECT_EQ(identity(some_trial()).size(), 64u);
}

// Each key that is changed gives another trial; none is left out of the identity.
TEST(Trial, IdentityChangesWithEveryKey) {
  const Trial trial = some_trial();
  std::set<std::string> seen{identity(trial)};
  for (const std::string& key : trial_keys()) {
    Trial other = trial;
    const std::string now = get_key(trial, key);
    for (const char* value :
         {"7", "0.7", "false", "true", "rotary", "layernorm", "swiglu", "masked", "topk", "x"}) {
      try {
        set_key(other, key, value);
      } catch (const Error&) {
        continue;
      }
      if (get_key(other, key) != now) break;
    }
    EXPECT_TRUE(seen.insert(identity(other)).second) << key;
  }
}

// Stores of earlier versions know no experts and no masks, and keep their trials' identities.
TEST(Trial, LaterKeysAreInTheIdentityOnlyWhereTheySaySomething) {
  Trial trial = some_trial();
  for (const char* key : {"experts", "objective", "unique_tokens", "balance_loss"}) {
    EXPECT_EQ(canonical_json(trial).find(key), std::string::npos) << key;
  }
  trial.model.experts = 4;
  EXPECT_NE(canonical_json(trial).find("\"model.experts\":4"), std::string::npos);
  EXPECT_EQ(trial_from_canonical_json(canonical_json(trial)), trial);
}

// A change of this text changes every identity in every store: bump kRecipeVersion knowingly.
TEST(Trial, CanonicalFormIsSortedFlatJson) {
  const std::string json = canonical_json(some_trial());
  EXPECT_EQ(json.find("{\"data.epochs\":1,\"data.hash\":\"abc\""), 0u) << json;
  EXPECT_NE(json.find("\"train.rate\":0.30000000000000004"), std::string::npos) << json;
  EXPECT_NE(json.find("\"model.positions\":\"learned\""), std::string::npos) << json;
  EXPECT_NE(json.find("\"model.tied_head\":true"), std::string::npos) << json;
}

TEST(Trial, DifferencesNameTheFieldAndBothValues) {
  const Trial one;
  Trial other;
  EXPECT_TRUE(differences(one, other).empty());
  other.train.rate = 0.5;
  other.model.norm = Norm::kLayerNorm;
  EXPECT_THAT(differences(one, other), testing::ElementsAre("model.norm: rmsnorm, not layernorm",
                                                            "train.rate: 0.001, not 0.5"));
}

TEST(Trial, CanonicalFormEscapesText) {
  Trial trial;
  trial.data.hash = "a\"b\\c\n";
  EXPECT_NE(canonical_json(trial).find("\"a\\\"b\\\\c\\u000a\""), std::string::npos);
}

TEST(Trial, KeysTakeSuffixesAndRefuseNonsense) {
  Trial trial;
  set_key(trial, "train.tokens", "1.5M");
  EXPECT_EQ(trial.train.tokens, 1.5e6);
  set_key(trial, "seed", "2k");
  EXPECT_EQ(trial.seed, 2000);
  EXPECT_NE(error_of("seed", "1.5").find("whole number"), std::string::npos);
  EXPECT_NE(error_of("model.norm", "batchnorm").find("layernorm or rmsnorm"), std::string::npos);
  EXPECT_NE(error_of("model.tied_head", "yes").find("true or false"), std::string::npos);
}

TEST(Trial, UnknownKeysAreAnsweredWithTheNearestOne) {
  EXPECT_NE(error_of("model.witdh", "3").find("did you mean model.width?"), std::string::npos);
  EXPECT_NE(error_of("rate", "3").find("did you mean train.rate?"), std::string::npos);
  EXPECT_EQ(error_of("zzzzzzzzzz", "3").find("did you mean"), std::string::npos);
}

TEST(Trial, ValidationNamesTheField) {
  const auto refused = [](const char* key, const char* value) {
    Trial trial = some_trial();
    set_key(trial, key, value);
    try {
      validate(trial);
    } catch (const Error& error) {
      return std::string(error.what()).find(key) == 0;
    }
    return false;
  };
  EXPECT_NO_THROW(validate(some_trial()));
  EXPECT_TRUE(refused("train.tokens", "0"));
  EXPECT_TRUE(refused("train.batch", "0"));
  EXPECT_TRUE(refused("train.rate", "0"));
  EXPECT_TRUE(refused("train.beta2", "1"));
  EXPECT_TRUE(refused("train.schedule", "linear"));
  EXPECT_TRUE(refused("trainer", "xgboost"));
  EXPECT_TRUE(refused("data.source", "web"));
  EXPECT_TRUE(refused("model.layers", "0"));
  EXPECT_TRUE(refused("eval_windows", "1"));
}

TEST(Trial, FlopsOfATabularTrialAreSixNd) {
  Trial trial;
  trial.trainer = "tabular";
  trial.tabular_params = 1000;
  trial.train.tokens = 50;
  for (const FlopConvention convention : all_flop_conventions()) {
    EXPECT_EQ(total_flops(trial, convention), 6.0 * 1000 * 50);
  }
}

}  // namespace
}  // namespace isoflop
