"""Draws bench/results/2026-11-23-rate_bracket.svg from the CSV beside it and prints the page's table.

    python3 bench/draw_rate_bracket.py        needs numpy and matplotlib
"""

import csv
import pathlib
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

STEM = pathlib.Path(__file__).parent / "results" / "2026-11-23-rate_bracket"
plt.rcParams["svg.hashsalt"] = "isoflop"  # the same picture, the same file


def read_brackets(path):
    """{(params, tokens, batch): {rate / rule: mean loss over seeds}}, and the seeds of each."""
    losses, seeds = defaultdict(lambda: defaultdict(list)), defaultdict(set)
    with open(path) as table:
        for row in csv.DictReader(table):
            rung = int(row["params"]), int(row["tokens"]), int(row["batch"])
            losses[rung][float(row["rate_over_rule"])].append(float(row["loss"]))
            seeds[rung].add(row["seed"])
    means = {rung: {x: np.mean(y) for x, y in by.items()} for rung, by in losses.items()}
    return means, seeds


def best_of(bracket):
    """Vertex of the parabola in ln rate through the lowest point and its neighbours."""
    x = np.array(sorted(bracket))
    y = np.array([bracket[v] for v in x])
    i = int(np.argmin(y))
    if i in (0, len(x) - 1):
        return x[i], y[i], True
    c = np.polyfit(np.log(x[i - 1 : i + 2]), y[i - 1 : i + 2], 2)
    vertex = -c[1] / (2 * c[0])
    return np.exp(vertex), np.polyval(c, vertex), False


def natural(n):
    return f"{n / 1e6:.3g}M" if n >= 999500 else f"{n / 1e3:.3g}k"


def main():
    means, seeds = read_brackets(STEM.with_suffix(".csv"))
    figure, axes = plt.subplots(figsize=(7, 4.2))
    colours = plt.cm.viridis(np.linspace(0, 0.9, len(means)))
    for colour, rung in zip(colours, sorted(means)):
        params, tokens, batch = rung
        bracket = means[rung]
        ratio, best, edge = best_of(bracket)
        paid = bracket[1.0] - best
        print(
            f"| {natural(params)} | {natural(tokens)} | {tokens / params:.2g} | {batch} | {len(seeds[rung])} | "
            + " | ".join(f"{bracket[x]:.4f}" if x in bracket else "" for x in (0.25, 0.5, 1, 2, 4))
            + f" | {'at the edge, ' if edge else ''}{ratio:.2f} | {paid:.4f} |"
        )
        x = sorted(bracket)
        axes.plot(
            x,
            [bracket[v] - best for v in x],
            "o-",
            color=colour,
            ms=4,
            lw=1.2,
            label=f"N {natural(params)}, D {natural(tokens)}",
        )
    axes.axvspan(0.5, 2, color="0.92", zorder=0)
    axes.set_xscale("log", base=2)
    axes.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
    axes.set_ylim(bottom=-0.005)
    axes.set_xlabel("peak rate / the rule's")
    axes.set_ylabel("held-out loss above the bracket's best (nats)")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(STEM.with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
