# Run by cmake --install with `isoflop` (the program) and `share` (share/) set.
set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/${share}")
execute_process(COMMAND "${isoflop}" man --dir "${root}/man/man1" ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
foreach(place "bash:bash-completion/completions/isoflop" "zsh:zsh/site-functions/_isoflop"
        "fish:fish/vendor_completions.d/isoflop.fish")
  string(REPLACE ":" ";" place "${place}")
  list(GET place 0 shell)
  list(GET place 1 file)
  get_filename_component(folder "${root}/${file}" DIRECTORY)
  file(MAKE_DIRECTORY "${folder}")
  execute_process(COMMAND "${isoflop}" completion ${shell} OUTPUT_FILE "${root}/${file}" COMMAND_ERROR_IS_FATAL ANY)
  message(STATUS "Installing: ${root}/${file}")
endforeach()
message(STATUS "Installing: ${root}/man/man1/isoflop*.1")
