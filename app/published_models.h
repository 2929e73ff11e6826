// Models and laws as the command line names them.
#ifndef ISOFLOP_APP_PUBLISHED_MODELS_H_
#define ISOFLOP_APP_PUBLISHED_MODELS_H_

#include <string>
#include <vector>

#include "core/comparison.h"
#include "core/published_rows.h"
#include "plan/compare_models.h"

namespace isoflop {

// A published model with its architecture, where that is known.
ComparedModel compared_model(const LargeModel& model);

// "gopher", or N:D as "280B:300B". Throws Error(kUsage) listing the names.
ComparedModel model_from_word(const std::string& word);

// The published laws named, or all of Chinchilla's form where none is, then the fits in the files.
std::vector<NamedLaw> laws_from(const std::vector<std::string>& names,
                                const std::vector<std::string>& files);

}  // namespace isoflop

#endif  // ISOFLOP_APP_PUBLISHED_MODELS_H_
