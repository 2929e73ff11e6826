#!/usr/bin/env python3
"""bench/store.py BENCH_STORE ISOFLOP DIR [PART...]: what the store does, as a JSON object on stdout.

Parts: write (8 writers, two killed; the same beside 20 viewers; SQLite alone), read (10 million points), claims (100 to
100,000 trials), optuna (Optuna's SQLite storage, where the Python that runs this has it, bench/.venv/bin/python: create, claim and finish 1000 trials, beside
ours). DIR should lie on a local disk; it is made and left.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

bench, isoflop, folder = sys.argv[1:4]
parts = sys.argv[4:] or ["write", "read", "claims", "optuna"]
root = pathlib.Path(folder)
root.mkdir(parents=True, exist_ok=True)


def run(*words):
    return json.loads(subprocess.run([bench, *map(str, words)], check=True, capture_output=True, text=True).stdout)


def fresh(name):
    for path in root.glob(name + "*"):
        path.unlink()
    return root / name


def seconds_of(words, times=5):
    """Wall clock of a whole command, the median."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([isoflop, *map(str, words)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return sorted(taken)[times // 2]


def disk():
    """Bytes/s of writing and milliseconds of one sync, on the same disk."""
    path = root / "disk"
    block = b"x" * (1 << 20)
    with open(path, "wb", buffering=0) as file:
        start = time.perf_counter()
        for _ in range(128):
            file.write(block)
        os.fsync(file.fileno())
        rate = 128 * len(block) / (time.perf_counter() - start)
        syncs = []
        for _ in range(20):
            file.write(b"y" * 4096)
            start = time.perf_counter()
            os.fsync(file.fileno())
            syncs.append(1000 * (time.perf_counter() - start))
    path.unlink()
    return {"bytes_a_second": rate, "sync_ms": sorted(syncs)[10]}


def write_part():
    return {
        "disk": disk(),
        "flat_out": run("write", fresh("w.db"), 0, 64, 10, 0),
        "paced": run("write", fresh("w.db"), 17000, 64, 10, 0),
        "paced_with_20_viewers": run("write", fresh("w.db"), 17000, 64, 10, 20),
        "batches_of_1000": run("write", fresh("w.db"), 0, 1000, 10, 0),
        "sqlite_alone_autocommit": run("plain", fresh("p.db"), 10),
    }


def read_part():
    path = root / "ten.db"
    filled = None
    if not path.exists():
        filled = run("fill", path, 10, 1000, 1000)
    flags = ["--db", path, "--study", "s3"]
    return {
        "fill": filled,
        "bytes": path.stat().st_size,
        "in_process": run("reads", path, "s3"),
        "status_seconds": seconds_of(["sweep", "status", *flags]),
        "export_csv_seconds": seconds_of(["sweep", "export", "--csv", *flags]),
        "export_curves_csv_seconds": seconds_of(["sweep", "export", "--curves", "--csv", *flags], 1),
    }


def claims_part():
    rows = []
    for trials in (100, 316, 1000, 3162, 10000, 31623, 100000):
        path = root / f"grow{trials}.db"
        grown = run("grow", path, trials) if not path.exists() else {}
        row = {"trials": trials, **grown, **run("claims", path, 100)}
        row["status_seconds"] = seconds_of(["sweep", "status", "--db", path])
        rows.append(row)
    return rows


OPTUNA = """
import json, sys, time, optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
count = int(sys.argv[2])
study = optuna.create_study(storage="sqlite:///" + sys.argv[1])
start = time.perf_counter()
for i in range(count):
    study.enqueue_trial({"x": i / count})
created = time.perf_counter() - start
start = time.perf_counter()
for i in range(count):
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    study.tell(trial, 1.0)
print(json.dumps({"trials": count, "create_seconds": created, "claim_and_finish_seconds": time.perf_counter() - start}))
"""


def optuna_part():
    ours = run("grow", fresh("o.db"), 2000)  # half of them are claimed and finished
    answer = {"ours": {"trials": 1000, "create_seconds": ours["add_seconds"] / 2,
                       "claim_and_finish_seconds": ours["half_seconds"]}}
    found = subprocess.run([sys.executable, "-c", "import optuna; print(optuna.__version__)"], capture_output=True, text=True)
    if found.returncode != 0:
        answer["optuna"] = None
        return answer
    done = subprocess.run([sys.executable, "-c", OPTUNA, fresh("optuna.db"), "1000"], check=True, capture_output=True, text=True)
    answer["optuna"] = {"version": found.stdout.strip(), **json.loads(done.stdout)}
    return answer


jobs = {"write": write_part, "read": read_part, "claims": claims_part, "optuna": optuna_part}
print(json.dumps({part: jobs[part]() for part in parts}, indent=1))
