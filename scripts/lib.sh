# What setup, demo and test share. Sourced, not run.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

# Pinned: another LibTorch is another program (docs/design.md, "What it stands on").
TORCH_WHEELS=(torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
# What LibTorch's CUDA side loads beside the toolkit's own libraries; for preset cuda only. The versions
# are those that torch 2.11.0 names.
CUDA_WHEELS=(nvidia-cudnn-cu13==9.19.0.56 nvidia-nccl-cu13==2.28.9 nvidia-cufile==1.15.1.6
             nvidia-cusparselt-cu13==0.8.0 nvidia-nvshmem-cu13==3.4.5)

# TensorBoard's own reader, without what its server needs: tests hold our event files to it.
TEST_WHEELS=(tensorboard==2.20.0 absl-py==2.5.1 protobuf==7.36.2 numpy==2.4.6)

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "installing packages needs root: run as root, or install sudo, or install by hand: $*"; fi
}

# packages WHY NAME...: installs the Debian packages that are missing.
packages() {
  local why=$1 name missing=(); shift
  if ! command -v apt-get >/dev/null; then
    for name in "$@"; do missing+=("$name"); done
    say "no apt here: make sure that your system has ($why): ${missing[*]}"
    return
  fi
  for name in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing Debian packages ($why): ${missing[*]}"
  if [ -z "${APT_UPDATED:-}" ]; then
    as_root apt-get update -qq || die "apt-get update failed: check the network and /etc/apt/sources.list.d"
    APT_UPDATED=1
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null || die "apt-get could not install: ${missing[*]}"
}

# wheels WHY NAME==VERSION...: into .venv, without their dependencies.
wheels() {
  local why=$1 wanted=() spec; shift
  [ -x .venv/bin/python ] || { say "making .venv"; python3 -m venv .venv || die "python3 -m venv failed: install python3-venv"; }
  for spec in "$@"; do
    .venv/bin/python - "$spec" <<'PY' || wanted+=("$spec")
import sys, importlib.metadata as m
name, _, version = sys.argv[1].partition("==")
try:
    sys.exit(0 if version in ("", m.version(name)) else 1)
except m.PackageNotFoundError:
    sys.exit(1)
PY
  done
  [ ${#wanted[@]} = 0 ] && return
  say "installing from PyPI into .venv ($why): ${wanted[*]}"
  local quiet=-q; [ ! -t 2 ] || quiet=--progress-bar=on
  .venv/bin/python -m pip install --disable-pip-version-check --no-deps $quiet "${wanted[@]}" >&2 ||
    die "pip could not install: ${wanted[*]}: check the network"
}

# Ninja's "[n/m] ..." as one line on a terminal, every tenth elsewhere.
show_steps() {
  local line n=0
  while IFS= read -r line; do
    [[ $line == \[* ]] || continue
    n=$((n + 1))
    if [ -t 2 ]; then printf '\r%.78s\033[K' "$line" >&2; elif [ $((n % 10)) = 0 ]; then say "${line:0:78}"; fi
  done
  [ ! -t 2 ] || [ $n = 0 ] || echo >&2
}

# build PRESET [TARGET...]
build() {
  local preset=$1; shift
  [ -e "build/$preset/build.ninja" ] || cmake --preset "$preset" >/dev/null || die "cmake --preset $preset failed"
  if ! cmake --build --preset "$preset" ${1:+--target "$@"} 2>&1 | tee "build/$preset/log" | show_steps; then
    tail -n 40 "build/$preset/log" >&2
    die "building preset $preset failed; all of it is in build/$preset/log"
  fi
}

# phase NAME COMMAND...: runs it and prints its time on stderr.
phase() {
  local name=$1 start=$SECONDS; shift
  say "== $name"
  "$@"
  say "== $name: $((SECONDS - start)) s"
}

# The demo's corpus as tokens; needs the text (scripts/corpus) and a built program.
prepare_corpus() {
  [ -e corpora/classics/manifest.json ] && return
  "$1" data prepare corpora/text/austen.txt corpora/text/shakespeare.txt corpora/text/sotu.txt \
    --out corpora/classics --licence "public domain"
}
