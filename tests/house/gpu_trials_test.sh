#!/bin/sh
# bench/gpu_trials.py runs from end to end where there is no GPU, and refuses to measure there.
#   gpu_trials_test.sh PROGRAM PYTHON SOURCE_DIR
set -eu
program=$1 python=$2 source=$3
"$python" -c 'import torch' 2>/dev/null || { echo "skipped: $python has no torch"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
i=0
while [ $i -lt 4000 ]; do
  echo "line $i of a text that is long enough to be cut into windows, $((i * 7919 % 1000))"
  i=$((i + 1))
done > "$work/text.txt"
"$program" data prepare "$work/text.txt" --out "$work/corpus" > /dev/null
cd "$source"
"$python" -B bench/gpu_trials.py --device cpu --quick --program "$program" --python "$python" \
  --corpus "$work/corpus" > "$work/out"
cat "$work/out"
grep -q '| 10k |' "$work/out"
grep -q '| all |' "$work/out"
if "$python" -B bench/gpu_trials.py --device cpu --program "$program" --python "$python" 2> "$work/refused"; then
  echo "measured on a CPU"
  exit 1
fi
grep -q 'for --quick only' "$work/refused"

# What cannot run is told before anything is trained: no program, no triton.
refuses() {
  if "$python" -B bench/gpu_trials.py --python "$python" "$@" 2> "$work/refused"; then exit 1; fi
}
refuses --program "$work/none"
grep -q -- '--program: .*: is no program' "$work/refused"
mkdir "$work/stubs"
echo 'class cuda: is_available = staticmethod(lambda: True)' > "$work/stubs/torch.py"
echo 'raise ImportError' > "$work/stubs/triton.py"
PYTHONPATH="$work/stubs" refuses --program "$program"
grep -q 'has no triton' "$work/refused"
