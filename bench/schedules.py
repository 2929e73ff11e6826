#!/usr/bin/env python3
"""Cosine beside cooldown on one IsoFLOP grid: every cell, the noise of seeds, and both laws.

    bench/schedules.py build/release/isoflop [--grid examples/cooldown.toml] [--seeds 1 2] [--dir DIR]

Runs the grid under both schedules with every seed, fits each, and prints a report in Markdown. Exit 1
when the laws do not agree within their intervals, or a shared trunk did not cost what its geometry
says. About 10 minutes on 2 cores.
"""
import argparse, json, math, pathlib, re, statistics, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser()
parser.add_argument("isoflop")
parser.add_argument("--grid", default="examples/cooldown.toml")
parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
parser.add_argument("--dir")
options = parser.parse_args()
folder = pathlib.Path(options.dir or tempfile.mkdtemp(prefix="isoflop-schedules-"))
folder.mkdir(parents=True, exist_ok=True)


def isoflop(*arguments):
    ran = subprocess.run([options.isoflop, *arguments], capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"isoflop {' '.join(arguments)}: {ran.stderr}")
    return ran


def grid_with(schedule):
    """The grid's text under another schedule, with an axis of seeds, as a file."""
    text = pathlib.Path(options.grid).read_text()
    text = re.sub(r'(?m)^name = .*$', f'name = "{schedule}"', text)
    text = re.sub(r'(?m)^train.schedule = .*$', f'train.schedule = "{schedule}"', text)
    text += f"\n[axes]\nseed = {options.seeds}\n"
    path = folder / f"{schedule}.toml"
    path.write_text(text)
    return path


def run(schedule):
    """Cells {(params, budget): {seed: loss}}, their D, the cost, the fit, the plan at 10 x."""
    db = str(folder / f"{schedule}.db")
    start = time.monotonic()
    isoflop("sweep", "run", str(grid_with(schedule)), "--db", db, "--quiet")
    seconds = time.monotonic() - start
    cells, tokens = {}, {}
    for row in json.loads(isoflop("sweep", "export", "--db", db, "--json").stdout):
        cell = (row["params"], row["budget"])
        cells.setdefault(cell, {})[row["seed"]] = row["loss"]
        tokens[cell] = row["tokens"]
    status = json.loads(isoflop("sweep", "status", "--db", db, "--json").stdout)
    fit_file = str(folder / f"{schedule}-fit.json")
    isoflop("fit", "--db", db, "--out", fit_file)
    target = 10 * max(budget for _, budget in cells)
    plan = json.loads(isoflop("plan", "--flops", str(target), "--fit", fit_file, "--vocab", "256",
                              "--context", "128", "--json").stdout)
    return dict(cells=cells, tokens=tokens, status=status, plan=plan, seconds=seconds,
                fit=json.loads(pathlib.Path(fit_file).read_text()), target=target)


def mean(by_seed):
    return statistics.fmean(by_seed.values())


def seed_noise(cells):
    """Standard deviation of one loss over seeds, pooled over cells."""
    squares = [statistics.variance(by_seed.values()) for by_seed in cells.values() if len(by_seed) > 1]
    return math.sqrt(statistics.fmean(squares)) if squares else float("nan")


def interval(value):
    return f"{value['value']:.4g} [{value['low']:.4g}, {value['high']:.4g}]"


def overlap(a, b):
    return a["low"] <= b["high"] and b["low"] <= a["high"]


cosine, cooldown = run("cosine"), run("cooldown")
spent, alone = cooldown["status"]["flops_total"], cooldown["status"]["flops_alone"]
noise = {"cosine": seed_noise(cosine["cells"]), "cooldown": seed_noise(cooldown["cells"])}
quantities = {
    "a, N* ~ C^a": lambda r: r["fit"]["exponents"]["a"],
    "N* at 10 x": lambda r: r["plan"]["params"],
    "D* at 10 x": lambda r: r["plan"]["tokens"],
    "loss at 10 x": lambda r: r["plan"]["loss"],
}
agree = all(overlap(get(cosine), get(cooldown)) for get in quantities.values())

print(f"""# Cosine beside cooldown, by the program

{time.strftime("%Y-%m-%d")}, `bench/schedules.py --seeds {' '.join(map(str, options.seeds))}` on the cells of `{options.grid}`; rates, batches and
warm-ups by the rule for each schedule. Losses are held-out, nats per token, means over seeds.

- Compute: cooldown **{spent:.3g} FLOP** with shared trunks, {alone:.3g} without: **{100 * spent / alone:.0f} %**; cosine {cosine['status']['flops_total']:.3g}.
- Time of the sweeps, one after the other on one machine: cosine {cosine['seconds']:.0f} s, cooldown {cooldown['seconds']:.0f} s ({100 * cooldown['seconds'] / cosine['seconds']:.0f} %).
- Noise of a seed (standard deviation of one loss, pooled): cosine {noise['cosine']:.4f}, cooldown {noise['cooldown']:.4f}.
- The laws **{'agree' if agree else 'do NOT agree'}** within their 90 % intervals:

| | cosine | cooldown |
|---|---|---|""")
for name, get in quantities.items():
    print(f"| {name} | {interval(get(cosine))} | {interval(get(cooldown))} |")
print("""
| budget | N | D / N | cosine | cooldown | cooldown - cosine |
|---|---|---|---|---|---|""")
for cell in sorted(cosine["cells"], key=lambda c: (c[1], c[0])):
    nearest = min(cooldown["cells"], key=lambda c: (abs(c[0] - cell[0]), abs(c[1] - cell[1])))
    a, b = mean(cosine["cells"][cell]), mean(cooldown["cells"][nearest])
    print(f"| {cell[1]:.3g} | {cell[0] / 1e3:.1f}k | {cosine['tokens'][cell] / cell[0]:.3g} | {a:.4f} | {b:.4f} | {b - a:+.4f} |")
differences = [mean(cooldown["cells"][c]) - mean(cosine["cells"][c]) for c in cosine["cells"] if c in cooldown["cells"]]
if differences:
    print(f"\nMean difference {statistics.fmean(differences):+.4f}, from {min(differences):+.4f} to {max(differences):+.4f}.")
sys.exit(0 if agree else 1)
