"""Draws bench/results/2026-11-23-cooldown.svg from the CSV beside it and prints the page's tables.

    python3 bench/draw_cooldown.py        needs numpy and matplotlib

The CSV: part "peak" (best peak rate of a cooldown) and part "grid" (IsoFLOP cells, both schedules).
"""

import csv
import pathlib
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

STEM = pathlib.Path(__file__).parent / "results" / "2026-11-23-cooldown"
plt.rcParams["svg.hashsalt"] = "isoflop"  # the same picture, the same file


def natural(n):
    return f"{n / 1e6:.3g}M" if n >= 1e6 else f"{n / 1e3:.3g}k"


def read(path):
    with open(path) as table:
        return list(csv.DictReader(table))


def cells_of(rows):
    """{(budget, params): {schedule: {seed: loss}}}, and tokens a parameter."""
    cells, per_parameter = defaultdict(lambda: defaultdict(dict)), {}
    for row in rows:
        if row["part"] != "grid":
            continue
        key = float(row["budget"]), int(row["params"])
        cells[key][row["schedule"]][row["seed"]] = float(row["loss"])
        per_parameter[key] = float(row["tokens"]) / key[1]
    return cells, per_parameter


def curves_of(rows):
    """{(params, tokens a parameter, schedule, fraction, batch, seeds): {rate / rule: mean loss}}"""
    losses = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["part"] == "peak":
            ratio = round(float(row["tokens"]) / int(row["params"]))
            key = int(row["params"]), ratio, row["schedule"], row["fraction"], int(row["batch"])
            losses[key][float(row["rate_over_rule"])].append(float(row["loss"]))
    # A curve compares the same seeds at each rate; three rates at least.
    curves = {}
    for key, by in losses.items():
        for seeds in sorted({len(v) for v in by.values()}, reverse=True):
            curve = {x: np.mean(v[:seeds]) for x, v in by.items() if len(v) >= seeds}
            if len(curve) >= 3:
                curves[*key, seeds] = curve
                break
    return curves


def print_tables(cells, per_parameter, curves):
    for key in sorted(curves):
        print(key, {x: round(float(y), 4) for x, y in sorted(curves[key].items())})
    print()
    for key in sorted(cells):
        cosine, cooldown = cells[key]["cosine"], cells[key]["sqrt"]
        seeds = sorted(set(cosine) & set(cooldown))
        differences = [cooldown[s] - cosine[s] for s in seeds]
        print(
            f"| {key[0]:.0e} | {natural(key[1])} | {per_parameter[key]:.1f} | "
            f"{np.mean([cosine[s] for s in seeds]):.4f} | {np.mean([cooldown[s] for s in seeds]):.4f} | "
            f"{np.mean(differences):+.4f} | " + ", ".join(f"{v:+.4f}" for v in differences) + " |"
        )


def draw_profiles(axes, cells):
    budgets = sorted({budget for budget, _ in cells})
    for i, budget in enumerate(budgets):
        sizes = sorted(n for b, n in cells if b == budget)
        colour = plt.cm.viridis(0.8 * i / max(1, len(budgets) - 1))
        for schedule, style in (("cosine", "o-"), ("sqrt", "s--")):
            means = [np.mean(list(cells[budget, n][schedule].values())) for n in sizes]
            axes.plot(sizes, means, style, color=colour, ms=4, lw=1.2)
        axes.annotate(f"{budget:.0e} FLOP", (sizes[0], means[0]), xytext=(0, 8), textcoords="offset points", fontsize=8)
    axes.plot([], [], "o-", color="0.3", ms=4, lw=1.2, label="cosine")
    axes.plot([], [], "s--", color="0.3", ms=4, lw=1.2, label="constant + cooldown")
    axes.set_xscale("log")
    ticks = [1e4, 2e4, 4e4, 8e4]
    axes.set_xticks(ticks, [natural(t) for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel("parameters")
    axes.set_ylabel("held-out loss (nats)")
    axes.legend(frameon=False, fontsize=8, loc="lower left")


def draw_differences(axes, cells, per_parameter):
    for key, by in sorted(cells.items()):
        seeds = sorted(set(by["cosine"]) & set(by["sqrt"]))
        values = [by["sqrt"][s] - by["cosine"][s] for s in seeds]
        axes.plot([per_parameter[key]] * len(values), values, "o", color="0.7", ms=3)
        axes.plot(per_parameter[key], np.mean(values), "_", color="tab:blue", ms=12, mew=2)
    axes.axhline(0, color="0.3", lw=0.8)
    axes.set_xscale("log")
    axes.set_xticks([5, 10, 20, 40, 80], ["5", "10", "20", "40", "80"])
    axes.minorticks_off()
    axes.set_xlabel("tokens a parameter")
    axes.set_ylabel("cooldown minus cosine (nats); dots are seeds")


def main():
    rows = read(STEM.with_suffix(".csv"))
    cells, per_parameter = cells_of(rows)
    print_tables(cells, per_parameter, curves_of(rows))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    draw_profiles(left, cells)
    draw_differences(right, cells, per_parameter)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(STEM.with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
