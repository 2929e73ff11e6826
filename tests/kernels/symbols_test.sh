#!/bin/sh
# Fails when an object file defines a weak or unique symbol outside of namespaces avx2 and avx512.
found=$(nm -C --defined-only "$@" | grep -E ' [VWuvw] ' | grep -vE 'isoflop::avx(2|512)::')
if [ -n "$found" ]; then
  echo "weak symbols in files compiled for one instruction set:"
  echo "$found"
  exit 1
fi
