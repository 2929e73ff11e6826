#!/usr/bin/env python3
"""One trial in 1, 2, ... processes on this host: seconds a step, and how much faster than one process.

    bench/ranks.py build/release/isoflop [rounds]

Each row is one shape; the worlds take turns, and the best of `rounds` is kept, since a shared machine only ever slows down.
The time of a step is the trial's own clock, without starting and meeting.
"""
import json, os, subprocess, sys

SHAPES = [("100k", 256, 16), ("400k", 256, 16), ("1.6M", 256, 16)]
STEPS = 60


def run(isoflop, params, context, batch, more):
    tokens = STEPS * context * batch
    command = [isoflop, "train", "--params", params, "--tokens", str(tokens), "--set", "data.source=zipf", "--set",
               f"model.context={context}", "--set", f"train.batch={batch}", "--set", "eval_windows=2", "--json", *more]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result["seconds"] / result["steps"], result["loss"], result["params"]


def main():
    isoflop, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    worlds = [("1 process", []), ("2 processes", ["--processes", "2"]),
              ("2, sharded", ["--processes", "2", "--shard-optimizer"])]
    print(f"{os.cpu_count()} cores; {STEPS} steps; best of {rounds}; ms a step (times as fast as 1 process)\n")
    print("| parameters | tokens a step | " + " | ".join(name for name, _ in worlds) + " | largest difference of losses |")
    print("|---|---|" + "---|" * (len(worlds) + 1))
    for params, context, batch in SHAPES:
        best, losses = {}, []
        for _ in range(rounds):
            for name, more in worlds:
                seconds, loss, count = run(isoflop, params, context, batch, more)
                best[name] = min(best.get(name, seconds), seconds)
                losses.append(loss)
        one = best["1 process"]
        cells = [f"{1000 * best[name]:.1f}" + ("" if name == "1 process" else f" ({one / best[name]:.2f})") for name, _ in worlds]
        print(f"| {count:.0f} | {context * batch} | " + " | ".join(cells) + f" | {max(losses) - min(losses):.1e} |", flush=True)


if __name__ == "__main__":
    main()
