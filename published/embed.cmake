# cmake -DOUT=tables_csv.cc -DFILES=a.csv|b.csv -P embed.cmake: the files as raw string literals.
string(REPLACE "|" ";" files "${FILES}")
set(entries "")
foreach(file ${files})
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  string(APPEND entries "    {\"${name}\", R\"csv(${text})csv\"},\n")
endforeach()
file(WRITE "${OUT}.new"
"// Generated from published/*.csv by published/embed.cmake.
#include \"published/embedded.h\"

namespace isoflop {
namespace {

constexpr EmbeddedFile kEmbeddedFiles[] = {
${entries}};

}  // namespace

std::span<const EmbeddedFile> embedded_files() { return kEmbeddedFiles; }

}  // namespace isoflop
")
file(COPY_FILE "${OUT}.new" "${OUT}" ONLY_IF_DIFFERENT)
