// isoflop data mix, and what other verbs say of mixtures.
#ifndef ISOFLOP_APP_MIX_COMMAND_H_
#define ISOFLOP_APP_MIX_COMMAND_H_

#include <string>

#include "app/study.h"

namespace CLI {
class App;
}

namespace isoflop {

// Adds "mix" below "data".
void add_mix_command(CLI::App& data);

// A mixture's parts in words: their shares, and after how much of the mixture each repeats. Throws
// as read_part (data/mix_corpora.h) does.
std::string mixture_text(const Corpus& mixture);

}  // namespace isoflop

#endif  // ISOFLOP_APP_MIX_COMMAND_H_
