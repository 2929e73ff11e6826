#!/usr/bin/env python3
"""Memory of a worker: its peak with a 1M-parameter model, and its growth over thousands of trials.

    bench/memory.py build/release/isoflop [--trials 5000]

A day of small trials is simulated by many short ones in one worker process, whose resident memory is
read from /proc on the way. Prints a report in Markdown; exit 1 when the peak is over 600 MB or the
growth from the first tenth to the end is over 8 MB.
"""
import argparse, json, os, pathlib, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser()
parser.add_argument("isoflop")
parser.add_argument("--trials", type=int, default=5000)
options = parser.parse_args()
LIMIT_MB, GROWTH_MB = 600, 8


def peak_of_one_model(params):
    """Peak resident memory in MB of a training, from wait4."""
    command = [options.isoflop, "train", "--params", params, "--tokens", "300k", "--set", "data.source=zipf",
               "--set", "train.batch=16", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answer = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, status
    return answer["params"], usage.ru_maxrss / 1024


def workers_of(driver):
    path = pathlib.Path(f"/proc/{driver}/task/{driver}/children")
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def resident_mb(pid):
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None


def done_trials(db):
    out = subprocess.run([options.isoflop, "sweep", "status", "--db", db, "--json"], capture_output=True)
    return json.loads(out.stdout)["trials"]["done"] if out.returncode == 0 else 0


def many_trials(folder):
    grid = pathlib.Path(folder, "short.toml")
    seeds = ", ".join(str(seed) for seed in range(1, options.trials + 1))
    grid.write_text(f'''name = "short"
[data]
source = "zipf"
[grid]
kind = "tokens"
params = ["3k"]
tokens = ["6k"]
[trial]
model.context = 64
eval_windows = 4
[axes]
seed = [{seeds}]
''')
    db = str(pathlib.Path(folder, "short.db"))
    driver = subprocess.Popen([options.isoflop, "sweep", "run", str(grid), "--db", db, "--workers", "1",
                               "--quiet"], stdout=subprocess.DEVNULL)
    samples, worker = [], None
    while driver.poll() is None:
        time.sleep(1)
        pids = workers_of(driver.pid)
        if not pids:
            continue
        assert worker in (None, pids[0]), "the worker was restarted"
        worker = pids[0]
        megabytes = resident_mb(worker)
        if megabytes:
            samples.append((done_trials(db), megabytes))
    assert driver.returncode == 0, driver.returncode
    assert done_trials(db) == options.trials
    return samples


params, peak = peak_of_one_model("1M")
with tempfile.TemporaryDirectory() as folder:
    samples = many_trials(folder)
early = [mb for done, mb in samples if done >= options.trials / 10][:3]
growth = max(mb for _, mb in samples[-3:]) - min(early)
good = peak < LIMIT_MB and growth < GROWTH_MB
print(f"""# Memory of a worker

{time.strftime("%Y-%m-%d")}, `bench/memory.py --trials {options.trials}`: **{"kept" if good else "NOT kept"}**.

A model of {params:,.0f} parameters, batch 16 x 128: peak resident memory **{peak:.0f} MB** (limit {LIMIT_MB} MB).

{options.trials} short trials in one worker: resident memory grew by **{growth:.1f} MB** from the first tenth to the
end (limit {GROWTH_MB} MB).

| trials done | resident, MB |
|---|---|""")
for i in range(12):
    done, megabytes = samples[min(len(samples) - 1, i * len(samples) // 11)]
    print(f"| {done} | {megabytes:.1f} |")
sys.exit(0 if good else 1)
