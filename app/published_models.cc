#include "app/published_models.h"

#include "core/hoffmann_shape.h"
#include "core/units.h"
#include "io/fit_json.h"
#include "law/presets.h"
#include "published/tables.h"

namespace isoflop {

ComparedModel compared_model(const LargeModel& model) {
  ComparedModel compared{.name = model.name,
                         .params = model.params,
                         .tokens = model.tokens,
                         .total_params = model.total_params,
                         .published_flops = model.flops};
  if (const ModelShape* shape = architecture_of(model.name)) {
    compared.shape = hoffmann_config(*shape);
  }
  return compared;
}

ComparedModel model_from_word(const std::string& word) {
  const auto colon = word.find(':');
  if (colon == std::string::npos) return compared_model(large_model(word));
  return {.name = word,
          .params = parse_quantity(word.substr(0, colon), word + ": N"),
          .tokens = parse_quantity(word.substr(colon + 1), word + ": D")};
}

std::vector<NamedLaw> laws_from(const std::vector<std::string>& names,
                                const std::vector<std::string>& files) {
  std::vector<NamedLaw> laws;
  for (const std::string& name : names) laws.push_back({name, preset_law(name)});
  if (names.empty()) {
    for (const LawFit& law : preset_laws()) {
      if (!law.form) laws.push_back({law.law, law});
    }
  }
  for (const std::string& file : files) laws.push_back({file, read_fit(file)});
  return laws;
}

}  // namespace isoflop
