#!/bin/sh
# A sweep of stacks gives the losses of a sweep without them, to rounding, with the worker killed in
# the middle of one.
#   stacked_sweep_test.sh PROGRAM PYTHON
set -eu
program=$1 python=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/grid.toml" <<'GRID'
name = "stacks"
[data]
source = "zipf"
[grid]
kind = "tokens"
params = ["10k"]
tokens = ["300k"]
[trial]
eval_windows = 16
[axes]
seed = [1, 2, 3, 4, 5, 6]
GRID
"$program" sweep run "$work/grid.toml" --db "$work/alone.db" --stack 1 --quiet
"$program" sweep run "$work/grid.toml" --db "$work/stacked.db" --stack 3 --workers 2 --quiet \
  --checkpoint-minutes 0.005 &
driver=$!
"$python" -B - "$work/alone.db" "$work/stacked.db" "$driver" <<'CHECK'
import os, signal, sqlite3, sys, time

alone, stacked, driver = sys.argv[1], sys.argv[2], int(sys.argv[3])


def ask(path, sql):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30) as store:
        return store.execute(sql).fetchall()


killed = None
begin = time.time()
while killed is None and time.time() - begin < 120:
    time.sleep(0.02)
    try:
        rows = ask(stacked, "SELECT pid FROM attempts WHERE outcome = 'running' AND tokens > 30000 GROUP BY pid HAVING count(*) > 1")
    except sqlite3.OperationalError:
        continue  # the store is being made
    if rows:
        killed = rows[0][0]
        os.kill(killed, signal.SIGKILL)
assert killed, "no stack was seen"
while ask(stacked, "SELECT count(*) FROM trials WHERE state <> 'done'")[0][0] > 0:
    assert time.time() - begin < 240, "it does not end"
    time.sleep(0.1)
losses = "SELECT t.seed, e.loss FROM trials t JOIN attempts a ON a.trial = t.id AND a.outcome = 'done' JOIN evaluations e ON e.attempt = a.id ORDER BY 1"
one, other = ask(alone, losses), ask(stacked, losses)
assert len(one) == len(other) == 6, (one, other)
# Training amplifies rounding: over these 1,172 steps a rate that differs by 1e-8 ends 1e-4 away, one that differs by 1e-3
# ends 2e-3 away. Early in the curve a trial can still be told from its neighbours, which differ by 1e-2 there.
for (seed, loss), (_, found) in zip(one, other):
    assert abs(loss - found) < 1e-2, (seed, loss, found)
early = "SELECT t.seed, c.train_loss FROM trials t JOIN attempts a ON a.trial = t.id AND a.outcome = 'done' JOIN curve_points c ON c.attempt = a.id WHERE c.step = 32 ORDER BY 1"
one, other = ask(alone, early), ask(stacked, early)
assert len(one) == len(other) == 6, (one, other)
for (seed, loss), (_, found) in zip(one, other):
    assert abs(loss - found) < 1e-4, (seed, loss, found)
assert ask(stacked, "SELECT count(*) FROM attempts WHERE outcome = 'killed'")[0][0] >= 2
CHECK
wait "$driver"
