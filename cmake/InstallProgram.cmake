# cmake --install: the programs, and what isoflop says of itself where man and the shells look for it.
# The pages and completions are written by the program that is installed, so they never differ from it.
include(GNUInstallDirs)

function(install_isoflop)
  set_target_properties(${ARGN} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ${ARGN} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(CODE "set(isoflop \"$<TARGET_FILE:isoflop>\")\nset(share \"${CMAKE_INSTALL_DATAROOTDIR}\")")
  install(SCRIPT "${PROJECT_SOURCE_DIR}/cmake/install_words.cmake")
endfunction()
