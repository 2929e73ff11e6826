#!/usr/bin/env python3
"""peers.py PROGRAM [TABLE] [--starts N] [--only WORD]: one question through several tools, as Markdown.

PROGRAM is isoflop. TABLE is the CSV of Besiroglu et al. 2024 (245 points, the first five known to be
misread; asked for N* at Gopher's 5.76e23 FLOP), by default examples/tutorial.csv (52 simulated rows, the
last four spoilt; N* at 1e23 FLOP is 29.4B in truth). Each tool gets the rows as they are, and without
the bad ones. --starts: of the 243 that `chinchilla` gets, three a parameter, and of the 4,500 of SciPy's
objective, how many (default 243; seconds are as run, not scaled).

SciPy stands for a script of one's own: the paper's objective as a sum with exact gradients, from
bench/fit.py, and as a mean with L-BFGS-B's defaults from the paper's own answer.
"""
import argparse
import contextlib
import csv
import io
import json
import logging
import os
import random
import re
import subprocess
import tempfile
import time
import warnings

import fit as scipy_fit  # bench/fit.py
import numpy as np
from scipy.optimize import minimize


def read_rows(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    if "Training FLOP" in rows[0]:
        points = [(float(r["Model Size"]), float(r["Training FLOP"]), float(r["loss"])) for r in rows]
        return [(n, c / (6 * n), l) for n, c, l in points], points_without_first(points), 5.76e23
    points = [(float(r["params"]), float(r["tokens"]), float(r["loss"])) for r in rows]
    return points, points[:-4], 1e23


def points_without_first(points):
    return [(n, c / (6 * n), l) for n, c, l in points[5:]]


def optimum(a, alpha, b, beta, flops):
    n = (alpha * a / (beta * b)) ** (1 / (alpha + beta)) * (flops / 6) ** (beta / (alpha + beta))
    return n, flops / 6 / n


def chinchilla(rows, flops, starts, loss=None):
    from chinchilla import Chinchilla
    from chinchilla._metrics import asymmetric_mae, log_huber

    functions = {None: asymmetric_mae, 1.0: log_huber,
                 1e-3: lambda y, p: log_huber(y, p, delta=1e-3)}
    grid = {"E": (1, 2), "a": (1, 10), "b": (1, 10), "alpha": (0.1, 0.7), "beta": (0.1, 0.7)}
    each = max(2, round(starts ** 0.2))
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/df.csv", "w") as file:
            file.write("C,N,D,loss\n")
            file.writelines(f"{6 * n * d},{round(n)},{round(d)},{l}\n" for n, d, l in rows)
        tool = Chinchilla(folder, log_level=50, loss_fn=functions[loss],
                          param_grid={k: np.linspace(*v, each) for k, v in grid.items()})
        tool.fit(parallel=False)
        p = dict(tool.params)
    return p["alpha"], p["beta"], *optimum(p["A"], p["alpha"], p["B"], p["beta"], flops), None


def simple_scaling_laws(rows, flops, starts):
    import polars
    from simple_scaling_laws import fit
    from simple_scaling_laws.allocation import optimal_allocation
    from simple_scaling_laws.cost import cost_model

    n, d, loss = zip(*rows)
    table = polars.DataFrame({"training_run_id": [f"r{i}" for i in range(len(rows))],
                              "model_size__params": n, "dataset_size__tokens": d,
                              "test_loss__nats": loss})
    model = fit(table, law="separable-power", seed=0)
    found = optimal_allocation(model, [flops], cost_model("power", k=6.0, a=1.0, b=1.0),
                               quantiles=[0.05, 0.5, 0.95]).to_dicts()[0]
    p = model.params("test_loss__nats")  # A and B are for scaled sizes
    of = lambda prefix: sorted(v for k, v in found.items() if k.startswith(prefix))
    low, n, high = of("model_size")
    return p["alpha"], p["beta"], n, of("dataset_size")[1], (low, high)


def logs(rows):
    n, d, loss = (np.array(x) for x in zip(*rows))
    return np.log(n), np.log(d), np.log(loss)


def scipy_sum(rows, flops, starts):
    points = logs(rows)
    chosen = random.Random(0).sample(scipy_fit.grid(), min(starts, 4500))
    ends = [minimize(scipy_fit.with_gradient, s, args=points, jac=True, method="L-BFGS-B",
                     options={"maxiter": 5000, "ftol": 1e-13, "gtol": 1e-9}) for s in chosen]
    _, a, b, alpha, beta = min((e for e in ends if np.isfinite(e.fun)), key=lambda e: e.fun).x
    return alpha, beta, *optimum(np.exp(a), alpha, np.exp(b), beta, flops), None


def scipy_mean(rows, flops, starts):
    points = logs(rows)
    hoffmann = (0.5267228, 6.0073404, 6.0179186, 0.33917084, 0.2849083)
    end = minimize(lambda t: scipy_fit.objective(t, *points) / len(rows), hoffmann, method="L-BFGS-B")
    _, a, b, alpha, beta = end.x
    return alpha, beta, *optimum(np.exp(a), alpha, np.exp(b), beta, flops), None


def isoflop(program):
    def run(rows, flops, starts):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/runs.csv", "w") as file:
                file.write("params,tokens,loss\n")
                file.writelines(f"{n!r},{d!r},{l!r}\n" for n, d, l in rows)
            call = lambda *words: json.loads(subprocess.run(
                [program, *words, "--json"], check=True, capture_output=True, cwd=folder).stdout)
            fit = call("fit", "--csv", "runs.csv", "--at", str(flops), "--out", "fit.json")
            plan = call("plan", "--fit", "fit.json", "--flops", str(flops))
        p = fit["law"]["parameters"]
        for warning in fit["warnings"] + plan["warnings"]:
            warnings.warn(warning["code"])
        n = plan["params"]
        return p["alpha"], p["beta"], n["value"], plan["tokens"]["value"], (n["low"], n["high"])
    return run


def short(x):
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if x >= size:
            return f"{x / size:.3g} {unit}"
    return f"{x:.3g}"


def said(caught):
    texts = [str(w.message) for w in caught
             if not issubclass(w.category, (DeprecationWarning, RuntimeWarning))]
    words = {re.sub(r"^\[(\w+)\].*", r"\1", t, flags=re.S)[:60] for t in texts}  # a code, if any
    return ", ".join(sorted(words)) or "nothing"


def print_row(name, which, tool, rows, flops, starts):
    begin = time.time()
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        try:
            alpha, beta, n, d, interval = tool(rows, flops, starts)
        except Exception as error:  # a tool that fails is a result too
            print_failure(name, which, error)
            return
    band = f"{short(interval[0])} to {short(interval[1])}" if interval else "none"
    print(f"| {name} | {which} | {alpha:.4f} | {beta:.4f} | {short(n)} | {band} | {short(d)} | "
          f"{time.time() - begin:.1f} | {said(caught)} |", flush=True)


def print_failure(name, which, error):
    os.write(1, f"| {name} | {which} | | | failed: {type(error).__name__}: {error} |\n".encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("table", nargs="?", default="examples/tutorial.csv")
    parser.add_argument("--starts", type=int, default=243)
    parser.add_argument("--only", default="", help="tools whose name holds this")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    everything, clean, flops = read_rows(args.table)
    tools = {
        "`chinchilla` 0.2.0, its default loss": chinchilla,
        "`chinchilla` 0.2.0, `log_huber` as shipped (delta 1)":
            lambda r, f, s: chinchilla(r, f, s, 1.0),
        "`chinchilla` 0.2.0, `log_huber` with delta 1e-3": lambda r, f, s: chinchilla(r, f, s, 1e-3),
        "`simple-scaling-laws` 0.2.0": simple_scaling_laws,
        "SciPy, mean of Huber terms, defaults, from Hoffmann's values": scipy_mean,
        "SciPy, sum of Huber terms, exact gradients": scipy_sum,
        "isoflop": isoflop(os.path.abspath(args.program)),
    }
    print(f"{scipy_fit.machine()}; {args.starts} starts; N* and D* at {flops:.3g} FLOP\n")
    print("| tool | rows | alpha | beta | N* | its 90 % interval | D* | seconds | it said |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, tool in tools.items():
        if args.only not in name:
            continue
        for which, rows in ((f"all {len(everything)}", everything), (f"{len(clean)} good", clean)):
            print_row(name, which, tool, rows, flops, args.starts)


if __name__ == "__main__":
    main()
