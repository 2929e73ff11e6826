#!/usr/bin/env python3
"""How good are forecasts of the final loss, made on the way?

    bench/forecast.py export runs.db FAMILY >> own.csv       a store's finished runs
    bench/forecast.py published FOLDER > published.csv       the curves of Luo et al. 2025: FOLDER has
                                                             csv_25, csv_100, csv_400
    bench/forecast.py report BENCH_FORECAST published.csv own.csv RESULTS_STEM

BENCH_FORECAST is the program of forecast.cc (cmake -DISOFLOP_BENCH=ON). `report` writes
RESULTS_STEM.md and RESULTS_STEM.svg. Python's standard library only.
"""
import csv
import glob
import math
import os
import sqlite3
import subprocess
import sys
from collections import defaultdict

SEEN = ["0.3", "0.5", "0.7", "0.9"]
PRIORS = {
    "siblings": "siblings finished",
    "others": "another family finished",
    "default": "default",
    "strangers": "another kind of runs",
}


def export(store, family):
    db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    runs = db.execute(
        "SELECT a.id, t.params, t.tokens, e.loss FROM attempts a JOIN trials t ON t.id = a.trial "
        "JOIN evaluations e ON e.attempt = a.id WHERE a.outcome = 'done' AND e.heldout = 'heldout' "
        "ORDER BY t.params, t.tokens").fetchall()
    for attempt, params, tokens, final in runs:
        name = f"N{params:.0f}-D{tokens:.0f}"
        for step, rate, loss, heldout in db.execute(
                "SELECT step, rate, train_loss, heldout_loss FROM curve_points WHERE attempt = ? "
                "ORDER BY step", (attempt,)):
            print(f"{name},{family},{step},{rate!r},{loss!r},{heldout or ''},,{final!r}")


def published(folder):
    for size in ("25", "100", "400"):
        for path in sorted(glob.glob(f"{folder}/csv_{size}/*.csv")):
            name = os.path.basename(path)[:-4]
            with open(path, newline="") as file:
                for row in csv.DictReader(file):
                    print(f"{name},{size}M,{row['step']},{row['lr']},{row['loss']},,,")


def number(text):
    value = float(text)
    return value if math.isfinite(value) else None


def forecasts(program, window, strangers, curves):
    with open(curves) as file:
        out = subprocess.run([program, str(window), strangers], stdin=file, check=True,
                             capture_output=True, text=True).stdout
    rows = []
    for row in csv.DictReader(out.splitlines()):
        rows.append({k: v if k in ("run", "family", "prior", "seen") else number(v)
                     for k, v in row.items()})
    return rows


def summary(rows, prior, seen, value, low, high, truth):
    errors, held, half = [], 0, 0
    for row in rows:
        if row["prior"] != prior or row["seen"] != seen or row[value] is None:
            continue
        errors.append(100 * (row[value] / row[truth] - 1))
        held += row[low] <= row[truth] <= row[high]
        half += 50 * math.log(row[high] / row[low])
    n = len(errors)
    return {"n": n, "mean": sum(errors) / n, "abs": sum(map(abs, errors)) / n,
            "worst": max(errors, key=abs), "held": 100 * held / n, "half": half / n}


def baseline(rows, seen, key):
    errors = [100 * (r[key] / r["truth"] - 1)
              for r in rows if r["prior"] == "default" and r["seen"] == seen]
    return sum(map(abs, errors)) / len(errors), sum(errors) / len(errors)


def table(rows, columns):
    lines = ["| prior from | seen | mean error | mean abs. error | worst | 80 % interval, ± | holds the truth |",
             "|---|---|---|---|---|---|---|"]
    for prior, words in PRIORS.items():
        for seen in SEEN:
            s = summary(rows, prior, seen, *columns)
            lines.append(f"| {words} | {100 * float(seen):.0f} % | {s['mean']:+.2f} % | {s['abs']:.2f} % | "
                         f"{s['worst']:+.2f} % | {s['half']:.2f} % | {s['held']:.0f} % |")
    return lines


def baselines(rows):
    lines = ["| seen | forecast (siblings) | last smoothed loss | power law in steps |", "|---|---|---|---|"]
    for seen in SEEN:
        s = summary(rows, "siblings", seen, "value", "low", "high", "truth")
        last, power = baseline(rows, seen, "last")[0], baseline(rows, seen, "power")[0]
        lines.append(f"| {100 * float(seen):.0f} % | {s['abs']:.2f} % | {last:.2f} % | {power:.2f} % |")
    return lines


def by_curve(rows):
    curves = defaultdict(dict)
    for row in rows:
        if row["prior"] == "siblings":
            curves[row["family"], row["run"]][row["seen"]] = row
    lines = ["| curve | 30 % | 50 % | 70 % | 90 % |", "|---|---|---|---|---|"]
    for (family, run), seen in curves.items():
        cells = []
        for s in SEEN:
            if s not in seen:
                cells.append("none")
                continue
            r = seen[s]
            error = 100 * (r["value"] / r["truth"] - 1)
            cells.append(f"{error:+.2f} ± {50 * math.log(r['high'] / r['low']):.2f}")
        lines.append(f"| {family} {run} | " + " | ".join(cells) + " |")
    return lines


# --- the figure -------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, TOP, PLOT_W, PLOT_H, GAP = 1060, 470, 62, 66, 290, 320, 50
COLOURS = {"cosine": "#0072b2", "constant": "#009e73", "wsd": "#d55e00", "wsdcon": "#cc79a7",
           "own": "#0072b2"}
LABELS = {"cosine": "cosine", "constant": "constant", "wsd": "constant, then decay",
          "wsdcon": "one step down"}


def kind(row):
    for name in ("wsdcon", "wsd", "cosine", "constant"):
        if row["run"].startswith(name):
            return name
    return "own"


def panel(out, index, title, rows, value, low, high, truth, limit, step):
    x0 = LEFT + index * (PLOT_W + GAP)
    mid = TOP + PLOT_H / 2
    scale = PLOT_H / 2 / limit

    def y(percent):
        return mid - scale * max(-limit, min(limit, percent))

    out.append(f'<text x="{x0 + PLOT_W / 2}" y="{TOP - 12}" text-anchor="middle" font-weight="bold">{title}</text>')
    out.append(f'<rect x="{x0}" y="{TOP}" width="{PLOT_W}" height="{PLOT_H}" fill="none" stroke="#999"/>')
    tick = -limit
    while tick <= limit + 1e-9:
        out.append(f'<line x1="{x0}" x2="{x0 + PLOT_W}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" '
                   f'stroke="{"#444" if abs(tick) < 1e-9 else "#e4e4e4"}"/>')
        out.append(f'<text x="{x0 - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:+g}</text>')
        tick += step
    for i, seen in enumerate(SEEN):
        centre = x0 + PLOT_W * (i + 0.5) / len(SEEN)
        out.append(f'<text x="{centre}" y="{TOP + PLOT_H + 18}" text-anchor="middle">{100 * float(seen):.0f} %</text>')
        here = [r for r in rows if r["prior"] == "siblings" and r["seen"] == seen and r[value] is not None]
        here.sort(key=lambda r: (list(COLOURS).index(kind(r)), r["run"], r["family"]))
        for k, r in enumerate(here):
            x = centre + (k - (len(here) - 1) / 2) * (PLOT_W / len(SEEN) * 0.86 / len(here))
            ends = [100 * (r[c] / r[truth] - 1) for c in (low, value, high)]
            colour = COLOURS[kind(r)]
            out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y(ends[0]):.1f}" y2="{y(ends[2]):.1f}" '
                       f'stroke="{colour}" stroke-opacity="0.45" stroke-width="1.2"/>')
            out.append(f'<circle cx="{x:.1f}" cy="{y(ends[1]):.1f}" r="1.9" fill="{colour}"/>')
    out.append(f'<text x="{x0 + PLOT_W / 2}" y="{TOP + PLOT_H + 38}" text-anchor="middle">of the steps seen</text>')


def figure(published_rows, own_rows, path):
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{WIDTH / 2}" y="22" text-anchor="middle" font-size="15">Forecast of the final loss '
           f'minus the truth, in percent, with 80 % intervals; prior from finished siblings</text>']
    train = ("value", "low", "high", "truth")
    theirs = len({(r["family"], r["run"]) for r in published_rows})
    ours = len({(r["family"], r["run"]) for r in own_rows})
    panel(out, 0, f"{theirs} published curves", published_rows, *train, 4, 1)
    panel(out, 1, f"{ours} own runs, training loss", own_rows, *train, 8, 2)
    panel(out, 2, f"{ours} own runs, held-out loss", own_rows, "heldout", "heldout_low", "heldout_high",
          "heldout_truth", 8, 2)
    x = LEFT
    for name, label in LABELS.items():
        out.append(f'<circle cx="{x + 5}" cy="{HEIGHT - 16}" r="4" fill="{COLOURS[name]}"/>'
                   f'<text x="{x + 14}" y="{HEIGHT - 12}">{label}</text>')
        x += 40 + 7 * len(label)
    out.append("</svg>")
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n")


def report(program, published_csv, own_csv, stem):
    theirs = forecasts(program, 1, own_csv, published_csv)
    ours = forecasts(program, 7, published_csv, own_csv)
    figure(theirs, ours, stem + ".svg")
    times = sorted(r["microseconds"] for r in theirs + ours)
    train = ("value", "low", "high", "truth")
    heldout = ("heldout", "heldout_low", "heldout_high", "heldout_truth")
    lines = ["<!-- numbers -->", "## Published curves", "", *table(theirs, train), "",
             "Mean absolute errors beside two simple guesses:", "", *baselines(theirs), "",
             "## Own runs: training loss", "", *table(ours, train), "", *baselines(ours), "",
             "## Own runs: held-out loss", "", *table(ours, heldout), "",
             "## Cost", "",
             f"One forecast: median {times[len(times) // 2] / 1e3:.1f} ms of CPU, slowest of "
             f"{len(times)} {times[-1] / 1e3:.0f} ms.", "",
             "## Each published curve", "", "Error and half of the 80 % interval in percent; prior from siblings.",
             "", *by_curve(theirs)]
    old = ""
    if os.path.exists(stem + ".md"):
        with open(stem + ".md") as file:
            old = file.read().split("<!-- numbers -->")[0]
    with open(stem + ".md", "w") as file:
        file.write(old + "\n".join(lines) + "\n")


if __name__ == "__main__":
    verbs = {"export": export, "published": published, "report": report}
    if len(sys.argv) < 3 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    verbs[sys.argv[1]](*sys.argv[2:])
