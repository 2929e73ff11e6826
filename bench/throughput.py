#!/usr/bin/env python3
"""Training throughput of isoflop beside PyTorch on the CPU, in aggregate over two cores.

  bench/throughput.py [--python PY] [--program build/release/isoflop] [--corpus corpora/classics]
                      [--widths 16,32,64,128] [--rounds 5] [--seconds 2] [--out bench/results/DATE-throughput.md]

For each width (two layers and the heads of core/shape_rule.h, context 128, 8 sequences a step), interleaved round by round:
  isoflop     two `isoflop train` processes, each pinned to a core with one thread and one model of its own
  eager       PyTorch, one model, two threads
  compile     the same through torch.compile
  processes   two PyTorch processes, each pinned to a core with one thread and one model of its own, at the same time
Times are of training steps with their data and optimizer: for isoflop the difference between a long and a short run (start
and evaluation cancel), for PyTorch after ten steps of warm-up. Medians over the rounds. Then held-out losses of both after the
same number of tokens of the same corpus.

PY is a Python with torch (bench/setup makes bench/.venv; the default is that one, else .venv). The machine should be quiet.
"""

import argparse
import datetime
import json
import math
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONTEXT, BATCH = 128, 8
RECIPE = {"rate": 0.004, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1, "clip": 1.0, "warmup": 0.05}
ARCHES = {"isoflop": {}, "nanogpt": {"model.norm": "layernorm", "model.positions": "learned", "model.qk_norm": "false"}}
MODES = ["eager", "compile", "processes"]


def shape(width):
    """core/shape_rule.h for widths up to 128."""
    size = next(k for k in range(min(width // 4, max(16, width // 8)), 0, -1) if width % k == 0 and k % 2 == 0) if width >= 64 else 8
    return {"width": width, "layers": 2, "heads": width // size}


def parameters(width, arch):
    layers, k = 2, width // shape(width)["heads"]
    norms = (2 * layers + 1) * width * (2 if arch == "nanogpt" else 1) + (2 * layers * k if arch == "isoflop" else 0)
    return 256 * width + layers * 12 * width * width + norms + (CONTEXT * width if arch == "nanogpt" else 0)


def train_command(options, width, arch, tokens, seed=1, heldout=16):
    settings = {"train.batch": BATCH, "train.schedule": "cosine", "seed": seed, "eval_windows": heldout, **ARCHES[arch]}
    settings.update({f"train.{key}": value for key, value in RECIPE.items()})
    command = [options.program, "train", "--params", str(parameters(width, arch)), "--tokens", str(tokens)]
    command += ["--corpus", options.corpus, "--json"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    return command


def finish(process, width, arch):
    out, errors = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(process.args)}\n{errors.decode()}")
    answer = json.loads(out)
    if answer["params"] != parameters(width, arch):
        raise SystemExit(f"isoflop trained {answer['params']} parameters, not {parameters(width, arch)}: the shape rule has moved")
    return answer


def train_pair(options, width, arch, tokens):
    """Two pinned processes at once; seconds of each."""
    running = []
    for core in options.cores:
        running.append(
            subprocess.Popen(
                train_command(options, width, arch, tokens, seed=core + 1),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                preexec_fn=lambda core=core: os.sched_setaffinity(0, {core}),
            )
        )
    return [finish(process, width, arch) for process in running]


def isoflop_speed(options, width, arch):
    short, long = options.tokens[width]
    brief, full = train_pair(options, width, arch, short), train_pair(options, width, arch, long)
    return sum((f["tokens"] - b["tokens"]) / (f["seconds"] - b["seconds"]) for b, f in zip(brief, full))


class Worker:
    def __init__(self, options, threads, cores):
        self.process = subprocess.Popen(
            [options.python, os.path.join(ROOT, "bench/nanogpt.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.ask({"threads": threads, "cores": cores, "corpus": options.corpus})
        self.version = self.answer()["torch"]

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench/nanogpt.py ended: run it by hand to see why (is torch installed for --python?)")
        return json.loads(line)


def speed_request(options, width, arch, mode):
    request = {"do": "speed", "mode": mode, "arch": arch, "batch": BATCH, "recipe": RECIPE, "seconds": options.seconds}
    return {**request, **shape(width)}


def torch_speed(options, workers, width, arch, mode):
    asked = workers["singles"] if mode == "processes" else [workers["pair"]]
    for worker in asked:
        worker.ask(speed_request(options, width, arch, "eager" if mode == "processes" else mode))
    answers = [worker.answer() for worker in asked]
    if any("error" in answer for answer in answers):
        print(f"{mode} at width {width}: {answers[0]['error']}", file=sys.stderr)
        return math.nan
    return sum(answer["tokens_per_second"] for answer in answers)


def measure(options, workers, arch):
    """{width: {mode: [tokens/s of each round]}}; torch.compile compiles in the first, which is not counted."""
    table = {width: {mode: [] for mode in ["isoflop", *MODES]} for width in options.widths}
    for width in options.widths:
        for mode in MODES:
            torch_speed(options, workers, width, arch, mode)
    for round_number in range(options.rounds):
        for width in options.widths:
            row = table[width]
            row["isoflop"].append(isoflop_speed(options, width, arch))
            for mode in MODES:
                row[mode].append(torch_speed(options, workers, width, arch, mode))
            print(arch, round_number, width, {mode: round(values[-1]) for mode, values in row.items() if values[-1] == values[-1]}, file=sys.stderr)
    return table


def geometric_mean(values):
    return math.exp(sum(math.log(value) for value in values) / len(values))


def speed_text(table):
    medians = {width: {mode: statistics.median(values) for mode, values in row.items()} for width, row in table.items()}
    lines = ["| width | isoflop | eager, 2 threads | compile, 2 threads | 2 processes | / eager | / best 2-thread | / 2 processes |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    ratios = []
    for width, row in medians.items():
        best = max(value for value in (row["eager"], row["compile"]) if value == value)
        ratios.append((row["isoflop"] / row["eager"], row["isoflop"] / best, row["isoflop"] / row["processes"]))
        speeds = " | ".join(f"{row[mode]:,.0f}" if row[mode] == row[mode] else "-" for mode in ["isoflop", *MODES])
        lines.append(f"| {width} | {speeds} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios[-1]) + " |")
    means = " | ".join(f"**{geometric_mean(column):.2f}**" for column in zip(*ratios))
    lines.append(f"| geometric mean | | | | | {means} |")
    return "\n".join(lines)


def loss_text(options, workers):
    lines = ["| width | tokens | isoflop, two seeds | PyTorch, two seeds | difference of means |", "|---|---|---|---|---|"]
    for width in options.widths:
        tokens, ours, theirs = options.loss_tokens, [], []
        for seed in (1, 2):
            process = subprocess.Popen(
                train_command(options, width, "isoflop", tokens, seed, heldout=1024), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            ours.append(finish(process, width, "isoflop")["loss"])
            request = speed_request(options, width, "isoflop", "eager")
            workers["pair"].ask({**request, "do": "loss", "tokens": tokens, "seed": seed, "heldout_windows": 1024})
            theirs.append(workers["pair"].answer()["loss"])
        columns = [", ".join(f"{loss:.4f}" for loss in losses) for losses in (ours, theirs)]
        lines.append(f"| {width} | {tokens:,} | {columns[0]} | {columns[1]} | {statistics.mean(ours) - statistics.mean(theirs):+.4f} |")
        print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def first_line(command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.splitlines()[0] if done.stdout else "unknown"


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def report(options, workers, tables, losses):
    day = datetime.date.today().isoformat()
    text = [f"# Training throughput on the CPU, {day}", ""]
    text.append(f"{processor()}, cores {options.cores} of {os.cpu_count()}; {first_line([options.program, '--version'])}; ")
    text.append(f"PyTorch {workers['pair'].version}; {first_line(['c++', '--version'])}. Load before: {options.load:.2f}.")
    text.append("")
    text.append(f"Tokens a second in aggregate over two cores, medians of {options.rounds} interleaved rounds: two layers, context")
    text.append(f"{CONTEXT}, {BATCH} sequences a step, vocabulary 256, AdamW, single precision. Made by `bench/throughput.py`, which")
    text.append("says how each column is measured.")
    titles = {"isoflop": "Rotary positions, RMSNorm, QK-norm", "nanogpt": "The architecture of nanoGPT: learned positions, LayerNorm"}
    for arch, table in tables.items():
        text += ["", f"## {titles[arch]}", "", speed_text(table)]
    if losses:
        text += ["", "## Held-out losses on the same number of tokens", "", "Same architecture, recipe, corpus and held-out windows; other", "random numbers for weights and order. Nats a byte.", "", losses]
    return "\n".join(text) + "\n"


def parse_options():
    venv = os.path.join(ROOT, "bench/.venv/bin/python")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=venv if os.path.exists(venv) else os.path.join(ROOT, ".venv/bin/python"))
    parser.add_argument("--program", default=os.path.join(ROOT, "build/release/isoflop"))
    parser.add_argument("--corpus", default=os.path.join(ROOT, "corpora/classics"))
    parser.add_argument("--widths", default="16,32,64,128")
    parser.add_argument("--arches", default="isoflop,nanogpt")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--loss-tokens", type=int, default=1024000, help="0: no losses")
    parser.add_argument("--out", default=os.path.join(ROOT, f"bench/results/{datetime.date.today().isoformat()}-throughput.md"))
    options = parser.parse_args()
    options.widths = [int(width) for width in options.widths.split(",")]
    options.cores = sorted(os.sched_getaffinity(0))[:2]
    options.load = os.getloadavg()[0]
    return options


def main():
    options = parse_options()
    # About `seconds` of training between the short and the long run, from 60 GFLOP/s a core.
    per_second = {width: 60e9 / (6 * parameters(width, "isoflop")) for width in options.widths}
    whole = BATCH * CONTEXT
    options.tokens = {w: (32 * whole, (32 + math.ceil(options.seconds * per_second[w] / whole)) * whole) for w in options.widths}
    workers = {"pair": Worker(options, 2, options.cores), "singles": [Worker(options, 1, [core]) for core in options.cores]}
    tables = {arch: measure(options, workers, arch) for arch in options.arches.split(",")}
    text = report(options, workers, tables, loss_text(options, workers) if options.loss_tokens else "")
    with open(options.out, "w") as file:
        file.write(text)
    print(text)


if __name__ == "__main__":
    main()
