# torch_target: LibTorch from the PyPI wheel, as an imported target of our own.
#
# find_package(Torch) is fatal without a CUDA toolkit, even for programs that use the CPU only; so the
# CPU build links libtorch_cpu and libc10 directly. The wheel's libtorch_cpu still needs libcudart and
# libcupti at run time: they come from the wheels nvidia-cuda-runtime and nvidia-cuda-cupti beside it.

file(GLOB torch_candidates
     "${ISOFLOP_TORCH_DIR}/include/torch/csrc"
     "${ISOFLOP_TORCH_DIR}/torch/include/torch/csrc"
     "${ISOFLOP_TORCH_DIR}/lib/python3*/site-packages/torch/include/torch/csrc")
if(NOT torch_candidates)
  # GPU machines usually have it in the Python that comes first.
  execute_process(COMMAND python3 -c "import torch; print(torch.__path__[0])"
                  OUTPUT_VARIABLE torch_of_python OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  file(GLOB torch_candidates "${torch_of_python}/include/torch/csrc")
endif()
if(NOT torch_candidates)
  message(FATAL_ERROR "LibTorch was not found under ISOFLOP_TORCH_DIR=${ISOFLOP_TORCH_DIR}. "
          "Run ./scripts/setup, or name the folder of an installed torch, or build without the "
          "trainer: cmake --preset math.")
endif()
list(GET torch_candidates 0 torch_csrc)
cmake_path(SET torch_root NORMALIZE "${torch_csrc}/../../..")
cmake_path(SET torch_site NORMALIZE "${torch_root}/..")
message(STATUS "LibTorch: ${torch_root}")

add_library(torch_target INTERFACE)
target_include_directories(torch_target SYSTEM INTERFACE
  "${torch_root}/include" "${torch_root}/include/torch/csrc/api/include")
file(GLOB torch_runtime_dirs "${torch_site}/nvidia/*/lib")
set(torch_rpath "${torch_root}/lib" ${torch_runtime_dirs})

if(ISOFLOP_CUDA)
  find_package(CUDAToolkit 13 REQUIRED)
  target_link_libraries(torch_target INTERFACE
    "${torch_root}/lib/libtorch.so" "${torch_root}/lib/libtorch_cuda.so"
    "${torch_root}/lib/libc10_cuda.so")
  target_include_directories(torch_target SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS})
  list(APPEND torch_rpath ${CUDAToolkit_LIBRARY_DIR})
endif()
target_link_libraries(torch_target INTERFACE
  "${torch_root}/lib/libtorch_cpu.so" "${torch_root}/lib/libc10.so" Threads::Threads)
# --no-as-needed: libtorch_cuda registers its kernels from static initialisers, nothing calls it by
# name. --allow-shlib-undefined: the CUDA libraries behind it are found at run time.
target_link_options(torch_target INTERFACE
  "LINKER:--no-as-needed" "LINKER:--allow-shlib-undefined")
set(CMAKE_BUILD_RPATH ${torch_rpath})

# For programs that link both LibTorch and Ceres. Ceres brings a libblas; where it comes first among the
# program's libraries, its sgemm_ takes the place of the MKL inside libtorch_cpu and training is three
# times slower. A link option stands before every library. tests/house/blas_test.sh watches over it.
function(torch_before_blas program)
  target_link_options(${program} BEFORE PRIVATE
    "LINKER:--no-as-needed" "${torch_root}/lib/libtorch_cpu.so")
endfunction()
set(torch_root "${torch_root}" CACHE INTERNAL "")
