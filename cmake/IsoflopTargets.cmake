# How every room of the house becomes a library and every tests/ folder a program.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)

# ccache understands precompiled headers only when told so.
find_program(ISOFLOP_CCACHE ccache)
if(ISOFLOP_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros ${ISOFLOP_CCACHE})
endif()

# Flags of our own code only; third-party headers come in as SYSTEM.
add_library(isoflop_options INTERFACE)
target_include_directories(isoflop_options INTERFACE "${PROJECT_SOURCE_DIR}")
set(cxx $<COMPILE_LANGUAGE:CXX>)  # nvcc has flags of its own: model/CMakeLists.txt
target_compile_options(isoflop_options INTERFACE
  "$<${cxx}:-Wall;-Wextra;-Wshadow;-Wnon-virtual-dtor;-Wno-missing-field-initializers>"
  $<$<AND:${cxx},$<CXX_COMPILER_ID:GNU>>:-Wno-restrict>)  # GCC 12: false alarms, PR 105651
# Results must not depend on which machine compiled them: no fused multiply-add behind our back.
target_compile_options(isoflop_options INTERFACE $<${cxx}:-ffp-contract=off>)
if(ISOFLOP_CCACHE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(isoflop_options INTERFACE $<${cxx}:-fpch-preprocess>)
endif()
if(ISOFLOP_OPTIMIZE)
  # Of the rooms; test code is compiled as isoflop_test says.
  set(not_a_test $<NOT:$<BOOL:$<TARGET_PROPERTY:ISOFLOP_TEST>>>)
  target_compile_options(isoflop_options INTERFACE $<${not_a_test}:${ISOFLOP_OPTIMIZE}>)
endif()
if(ISOFLOP_SANITIZE)
  target_compile_options(isoflop_options INTERFACE -fsanitize=${ISOFLOP_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer
                         # Sanitizers make GCC 12 see uninitialised members in std::regex.
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(isoflop_options INTERFACE -fsanitize=${ISOFLOP_SANITIZE})
endif()

# isoflop_library(fit): static library isoflop_fit (alias isoflop::fit) from the folder's *.cc,
# or from the SOURCES given.
function(isoflop_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB ARG_SOURCES CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  endif()
  add_library(isoflop_${name} STATIC ${ARG_SOURCES})
  add_library(isoflop::${name} ALIAS isoflop_${name})
  target_link_libraries(isoflop_${name} PRIVATE isoflop_options)
endfunction()

# isoflop_test(fit): program fit_test from every *_test.cc of the folder, so that none is forgotten,
# and one ctest entry for each TEST in it. LABELS, TIMEOUT (seconds) as in ctest. OWN_HEADERS: the
# program precompiles headers of its own instead of GoogleTest's.
function(isoflop_test name)
  cmake_parse_arguments(ARG "OWN_HEADERS" "TIMEOUT" "LIBRARIES;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc")
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE isoflop_options isoflop_test_support
                        ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  # Test code need not be fast, what it tests is.
  set_target_properties(${name}_test PROPERTIES ISOFLOP_TEST ON)
  target_compile_options(${name}_test PRIVATE $<$<CONFIG:Release>:-O0>)
  if(NOT ARG_OWN_HEADERS)
    target_precompile_headers(${name}_test REUSE_FROM isoflop_test_headers)
  endif()
  gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST
                       PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${name};${ARG_LABELS}")
endfunction()
