// What embed.cmake makes of the folder's CSV files.
#ifndef ISOFLOP_PUBLISHED_EMBEDDED_H_
#define ISOFLOP_PUBLISHED_EMBEDDED_H_

#include <span>
#include <string_view>

namespace isoflop {

struct EmbeddedFile {
  std::string_view name;
  std::string_view text;
};

std::span<const EmbeddedFile> embedded_files();

}  // namespace isoflop

#endif  // ISOFLOP_PUBLISHED_EMBEDDED_H_
