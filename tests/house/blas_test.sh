#!/usr/bin/env bash
# blas_test.sh ISOFLOP: libtorch_cpu's sgemm_ must be bound to itself, not to a libblas of Ceres'.
set -euo pipefail
bound=$(LD_BIND_NOW=1 LD_DEBUG=bindings "$1" --version 2>&1 >/dev/null |
  grep -E "binding file [^ ]*libtorch_cpu\.so \[0\] to .*normal symbol \`sgemm_'" || true)
echo "${bound:-no binding of sgemm_ was seen}"
[[ $bound == *"to "*libtorch_cpu.so* ]]
