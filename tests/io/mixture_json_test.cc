// The manifest of a mixture on disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/manifest_json.h"

namespace isoflop {
namespace {

using ::testing::HasSubstr;

CorpusManifest some_mixture() {
  CorpusManifest mixture;
  mixture.name = "mixed";
  mixture.tokenizer = "sentencepiece";
  mixture.vocab = 4096;
  mixture.parts = {{"web", "../web", std::string(64, 'a'), 2.0 / 3},
                   {"code", "/data/code", std::string(64, 'b'), 1.0 / 3}};
  return mixture;
}

TEST(MixtureManifest, ComesBackAsItWas) {
  const CorpusManifest back = parse_manifest(manifest_json(some_mixture()), "m.json");
  EXPECT_EQ(back, some_mixture());
  EXPECT_EQ(back.identity(), some_mixture().identity());
}

TEST(MixtureManifest, NamesTheFieldOfThePartThatIsWrong) {
  const auto said = [](auto change) {
    auto manifest = nlohmann::json::parse(manifest_json(some_mixture()));
    change(manifest["parts"]);
    try {
      parse_manifest(manifest.dump(), "m.json");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  using Json = nlohmann::json;
  EXPECT_EQ(said([](Json&) {}), "");
  EXPECT_THAT(said([](Json& parts) { parts[1].erase("weight"); }), HasSubstr("weight"));
  EXPECT_THAT(said([](Json& parts) { parts[1]["weight"] = 0; }), HasSubstr("above 0"));
  EXPECT_THAT(said([](Json& parts) { parts[0]["identity"] = 3; }), HasSubstr("identity"));
  EXPECT_THAT(said([](Json& parts) { parts = Json::array(); }), HasSubstr("parts"));
}

}  // namespace
}  // namespace isoflop
