// Completion scripts for bash, zsh and fish, written from the pages of all verbs. They hold every
// word themselves: completing starts no program and opens no store.
#ifndef ISOFLOP_APP_COMPLETION_H_
#define ISOFLOP_APP_COMPLETION_H_

#include <string>
#include <vector>

#include "app/command_page.h"

namespace isoflop {

std::string bash_completion(const std::vector<CommandPage>& pages);
std::string zsh_completion(const std::vector<CommandPage>& pages);
std::string fish_completion(const std::vector<CommandPage>& pages);

}  // namespace isoflop

#endif  // ISOFLOP_APP_COMPLETION_H_
