#!/usr/bin/env python3
"""Kills trainings with SIGKILL at random moments, goes on, and compares the final losses' bits.

    bench/kills.py build/release/isoflop [--kills 50] [--seed 1]

Every kill is of a run of its own: started with checkpoints every 60 ms, killed, started again until it
ends. Half of the runs are cosine, half cooldown; a third cut their batches into micro-batches. Prints
a report in Markdown; exit 1 when a loss differs.
"""
import argparse, json, platform, random, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser()
parser.add_argument("isoflop")
parser.add_argument("--kills", type=int, default=50)
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()

COMMON = ["train", "--params", "8k", "--tokens", "700k", "--set", "data.source=zipf", "--set",
          "model.context=64", "--set", "eval_windows=64", "--json"]
KINDS = {
    "cosine": [],
    "cooldown": ["--set", "train.schedule=cooldown"],
    "cosine, micro-batches": ["--set", "train.batch=4", "--micro-batch", "1"],
}


def train(extra, seconds=None):
    """The result, or None when it was killed."""
    process = subprocess.Popen([options.isoflop, *COMMON, *extra], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
    if process.returncode != 0:
        sys.exit(f"isoflop train ended with {process.returncode}")
    return json.loads(out)


def straight(extra):
    start = time.monotonic()
    result = train(extra)
    return result, time.monotonic() - start


random.seed(options.seed)
references = {kind: straight(extra) for kind, extra in KINDS.items()}
rows, different = [], 0
for number in range(options.kills):
    kind = list(KINDS)[number % len(KINDS)]
    reference, seconds = references[kind]
    with tempfile.TemporaryDirectory() as folder:
        extra = KINDS[kind] + ["--checkpoints", folder, "--checkpoint-minutes", "0.001"]
        while train(extra, random.uniform(0.35, 0.95) * seconds) is not None:
            pass  # it ended first: not a kill
        result = train(extra)
    same = result["loss"] == reference["loss"] and result["identity"] == reference["identity"]
    different += not same
    rows.append((number + 1, kind, result["resumed_at"], result["steps"], result["loss"], same))

print(f"""# Killed and gone on with: are the bits the same?

{time.strftime("%Y-%m-%d")}, {platform.machine()}, `bench/kills.py --kills {options.kills} --seed {options.seed}`.
**{options.kills - different} of {options.kills}** final losses are identical to the undisturbed run's, to the last bit.

| kill | kind | went on at step | of | loss | same bits |
|---|---|---|---|---|---|""")
for row in rows:
    print("| {} | {} | {} | {} | {!r} | {} |".format(*row[:5], "yes" if row[5] else "**no**"))
sys.exit(1 if different else 0)
