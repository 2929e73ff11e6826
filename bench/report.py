#!/usr/bin/env python3
"""bench/report.py ISOFLOP DIR [TRIALS...]: how long the report of a store takes, as a JSON object on stdout.

A store of so many finished trials (default 100, 1000 and 10000) is made with the tabular learner, IsoFLOP budgets times sizes, and
reported three times; the median counts. DIR should lie on a local disk; it is made and left, so that stores are made once.
"""
import json
import pathlib
import resource
import subprocess
import sys
import time

isoflop, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
counts = [int(word) for word in sys.argv[3:]] or [100, 1000, 10000]
folder.mkdir(parents=True, exist_ok=True)


def grid(name, trials):
    side = round(trials**0.5)
    budgets = ", ".join(f"{1e9 * 1000 ** (i / (side - 1)):.6g}" for i in range(side))
    sizes = ", ".join(f'"{300 * 300 ** (i / (side - 1)):.0f}"' for i in range(side))
    return (f'name = "{name}"\ntrainer = "tabular"\n[data]\nsource = "zipf"\n[grid]\nkind = "isoflop"\nflops = "6nd"\n'
            f"budgets = [{budgets}]\nparams = [{sizes}]\n")


def store(trials):
    path = folder / f"{trials}.db"
    if not path.exists():
        toml = folder / f"{trials}.toml"
        toml.write_text(grid(f"t{trials}", trials))
        subprocess.run([isoflop, "sweep", "run", toml, "--db", path, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return path


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(path):
    out = path.with_suffix(".html")
    times = []
    for _ in range(3):
        began, before = time.perf_counter(), cpu()
        answer = subprocess.run([isoflop, "report", "--db", path, "--out", out, "--json"], check=True, capture_output=True, text=True)
        times.append((time.perf_counter() - began, cpu() - before))
    empty = [figure["name"] for figure in json.loads(answer.stdout)["figures"] if "why_empty" in figure]
    seconds, cpu_seconds = sorted(times)[1]
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2), "page_bytes": out.stat().st_size,
            "store_bytes": path.stat().st_size, "empty_figures": empty}


print(json.dumps({trials: report(store(trials)) for trials in counts}, indent=1))
