#!/usr/bin/env python3
"""Many small trials on one GPU: isoflop's stacks and packs beside nanoGPT-style PyTorch, one trial after the other.

  bench/gpu_trials.py [--python PY] [--program build/cuda/isoflop] [--corpus corpora/classics] [--device cuda]
                      [--sizes 300k,1M,3M,10M] [--trials 16] [--steps 2000] [--batch 64] [--context 256] [--out FILE]
  bench/gpu_trials.py --device cpu --quick --program build/release/isoflop        tiny, to see that it runs; its numbers mean nothing

PY is a Python with PyTorch and, on a GPU, triton, without which torch.compile cannot compile there: bench/setup makes one in
bench/.venv. The program is that of preset cuda.

For each size: the seeds 1 to `trials` of one shape (core/shape_rule.h), the same corpus, batch, context, steps, recipe and type.
  isoflop   one `isoflop sweep run` of the size's trials: wall clock from start to end, with the program's start, its planning,
            evaluations and checkpoints
  PyTorch   the same trials one after the other in one warm process, through torch.compile (bench/nanogpt.py): the median of all
            but the first, in which it compiles, times the number of trials; training steps alone, no evaluation
and last all sizes in one sweep against the sum. Both on the same device, one at a time. The losses are means over the last tenth
of the steps (PyTorch) and the last points of the curves (isoflop), as a check that both train the same thing.
"""

import argparse
import datetime
import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECIPE = {"rate": 0.002, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1, "clip": 1.0, "warmup": 0.05}


def grid(options, sizes):
    """The sweep's file."""
    tokens = options.steps * options.batch * options.context
    fixed = {"train.batch": options.batch, "model.context": options.context, "eval_windows": options.heldout, "data.epochs": 1000}
    fixed.update({f"train.{key}": value for key, value in RECIPE.items()})
    lines = ['name = "trials"', "[data]", f'corpus = "{os.path.abspath(options.corpus)}"', "[grid]", 'kind = "tokens"']
    lines += ['flops = "exact"', "params = [" + ", ".join(f'"{size}"' for size in sizes) + "]", f"tokens = [{tokens}]", "[trial]"]
    lines += [f"{key} = {value}" for key, value in fixed.items()]
    lines += [f'train.dtype = "{options.dtype}"', 'train.schedule = "cosine"', "[axes]"]
    return "\n".join(lines + [f"seed = [{', '.join(str(seed) for seed in range(1, options.trials + 1))}]"]) + "\n"


def call(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def shape(options, folder, size):
    """Layers, width, heads of the size, as a dry run says."""
    path = os.path.join(folder, "shape.toml")
    with open(path, "w") as file:
        file.write(grid(options, [size]))
    text = call([options.program, "sweep", "run", path, "--dry-run", "--csv"])
    found = re.search(r"L(\d+) d(\d+) h(\d+)x(\d+) f(\d+)", text)
    layers, width, heads, head, hidden = (int(part) for part in found.groups())
    if heads * head != width or hidden != 4 * width:
        raise SystemExit(f"{size}: {found.group(0)}: the peer has heads x head size = width and hidden = 4 x width only")
    return {"layers": layers, "width": width, "heads": heads}


def isoflop(options, folder, name, sizes):
    """Seconds of one sweep, mean last training loss by size, energy, what the workers said of their packs."""
    path, db = os.path.join(folder, name + ".toml"), os.path.join(folder, name + ".db")
    with open(path, "w") as file:
        file.write(grid(options, sizes))
    command = [options.program, "sweep", "run", path, "--db", db, "--device", options.device, "--quiet"]
    command += ["--stack", str(options.stack), "--pack", str(options.pack)]
    begin = time.perf_counter()
    call(command)
    seconds = time.perf_counter() - begin
    with sqlite3.connect(db) as store:
        ended = store.execute("SELECT count(*) FROM trials WHERE state = 'done'").fetchone()[0]
        if ended != options.trials * len(sizes):
            raise SystemExit(f"{name}: {ended} trials are done, not {options.trials * len(sizes)}")
        losses = store.execute(
            "SELECT t.params, avg(c.train_loss) FROM trials t JOIN attempts a ON a.trial = t.id AND a.outcome = 'done'"
            " JOIN curve_points c ON c.attempt = a.id AND c.tokens >= 0.9 * t.tokens GROUP BY t.params ORDER BY t.params"
        ).fetchall()
        energy = store.execute("SELECT sum(energy) FROM attempts").fetchone()[0]
    return {"seconds": seconds, "losses": [loss for _, loss in losses], "params": [params for params, _ in losses], "energy": energy}


class Peer:
    def __init__(self, options):
        self.process = subprocess.Popen(
            [options.python, "-B", os.path.join(ROOT, "bench/nanogpt.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self.ask({"threads": 1, "cores": None, "corpus": options.corpus, "context": options.context})["torch"]

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench/nanogpt.py ended: run it by hand to see why (is torch installed for --python?)")
        return json.loads(line)

    def train(self, options, one_shape):
        request = {"do": "trials", "device": options.device, "dtype": options.dtype, "mode": options.mode, "arch": "isoflop"}
        request.update(one_shape, batch=options.batch, steps=options.steps, recipe=RECIPE, seeds=list(range(1, options.peer_trials + 1)))
        answer = self.ask(request)
        if "error" in answer:
            raise SystemExit(f"PyTorch: {answer['error']}")
        return answer


def measure(options, folder):
    peer, rows = Peer(options), []
    for size in options.sizes:
        ours = isoflop(options, folder, size, [size])
        theirs = peer.train(options, shape(options, folder, size))
        if ours["params"][0] != theirs["params"]:
            raise SystemExit(f"{size}: isoflop trains {ours['params'][0]:.0f} parameters, PyTorch {theirs['params']}")
        alone = statistics.median(theirs["seconds"][1:]) * options.trials
        row = {"size": size, "params": theirs["params"], "ours": ours["seconds"], "theirs": alone, "energy": ours["energy"]}
        rows.append({**row, "our_loss": ours["losses"][0], "their_loss": statistics.mean(theirs["losses"])})
        print(json.dumps(rows[-1]), file=sys.stderr)
    whole = isoflop(options, folder, "all", options.sizes)
    rows.append({"size": "all", "ours": whole["seconds"], "theirs": sum(row["theirs"] for row in rows), "energy": whole["energy"]})
    return rows, peer.version


def table(options, rows):
    lines = [f"| size | N | isoflop, {options.trials} trials, s | PyTorch, one after the other, s | ratio | kJ | loss | PyTorch's |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in rows:
        cells = [row["size"], f"{row['params']:,}" if "params" in row else "", f"{row['ours']:.2f}", f"{row['theirs']:.2f}"]
        cells += [f"**{row['theirs'] / row['ours']:.2f}**", f"{row['energy'] / 1000:.1f}" if row["energy"] else "-"]
        cells += [f"{row[key]:.4f}" if key in row else "" for key in ("our_loss", "their_loss")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def first_line(command):
    try:
        out = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
        return out[0] if out else "unknown"
    except OSError:
        return "unknown"


def report(options, rows, version):
    day = datetime.date.today().isoformat()
    driver = first_line(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]) if options.device != "cpu" else "CPU"
    text = [f"# Many small trials on one device, {day}", ""]
    text.append(f"{driver}; {first_line([options.program, '--version'])}; PyTorch {version}, {options.mode}; {options.dtype}.")
    text.append(f"{options.trials} trials a size, {options.steps} steps of {options.batch} sequences of {options.context} bytes; --stack {options.stack},")
    text.append(f"--pack {options.pack}. Made by `bench/gpu_trials.py`, which says how each column is measured.")
    return "\n".join(text + ["", table(options, rows)]) + "\n"


def has_cuda(options):
    check = "import sys, torch; sys.exit(0 if torch.cuda.is_available() else 1)"
    return subprocess.run([options.python, "-c", check], stderr=subprocess.DEVNULL).returncode == 0


def has_triton(options):
    return subprocess.run([options.python, "-c", "import triton"], stderr=subprocess.DEVNULL).returncode == 0


def refuse_what_cannot_run(options):
    """Before the first size has been trained for an hour."""
    quick = "" if options.device != "cpu" else "; on the CPU: --program build/release/isoflop"
    if not os.access(options.program, os.X_OK):
        raise SystemExit(f"gpu_trials: --program: {options.program}: is no program: cmake --build --preset cuda, or name another{quick}")
    if not shutil.which(options.python):
        raise SystemExit(f"gpu_trials: --python: {options.python}: is no program: bench/setup makes bench/.venv")
    if options.device == "cpu" and not options.quick:
        raise SystemExit("gpu_trials: --device cpu is for --quick only: a core has no launches to save (bench/stack.cc measures that)")
    if options.device != "cpu" and not has_cuda(options):
        raise SystemExit("gpu_trials: no CUDA device can be used by --python: run it on a machine with a GPU, or see --quick")
    if options.device != "cpu" and options.mode == "compile" and not has_triton(options):
        raise SystemExit(
            f"gpu_trials: --python: {options.python}: has no triton, without which torch.compile cannot compile for CUDA: "
            "bench/setup makes bench/.venv with it; or --mode eager"
        )


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=os.path.join(ROOT, "bench/.venv/bin/python"), help="with torch and triton: bench/setup")
    parser.add_argument("--program", default=os.path.join(ROOT, "build/cuda/isoflop"), help="of preset cuda")
    parser.add_argument("--corpus", default=os.path.join(ROOT, "corpora/classics"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", default="300k,1M,3M,10M")
    parser.add_argument("--trials", type=int, default=16, help="of each size")
    parser.add_argument("--peer-trials", type=int, default=4, help="that PyTorch trains; their median stands for all")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--heldout", type=int, default=64, help="windows of the evaluation")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--mode", default="compile", help="compile or eager")
    parser.add_argument("--stack", default="auto")
    parser.add_argument("--pack", default="auto")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", default=os.path.join(ROOT, f"bench/results/{datetime.date.today().isoformat()}-gpu_trials.md"))
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.trials, options.peer_trials, options.steps, options.batch = "10k,20k", 2, 2, 12, 2
        options.context, options.heldout, options.dtype, options.mode, options.stack = 64, 4, "float32", "eager", "2"
    options.sizes = options.sizes.split(",")
    return options


def main():
    options = parse_options()
    refuse_what_cannot_run(options)
    with tempfile.TemporaryDirectory() as folder:
        rows, version = measure(options, folder)
    text = report(options, rows, version)
    if not options.quick:
        with open(options.out, "w") as file:
            file.write(text)
    print(text)


if __name__ == "__main__":
    main()
