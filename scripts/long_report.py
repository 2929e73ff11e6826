#!/usr/bin/env python3
"""long_report.py demo JSON... | zipf ISOFLOP WORK_DIR | sweep ISOFLOP DB NAME | faults RUN.md...: a Markdown page of what a
long test measured.

Exits with 1 when a promise is not kept. Standard library only.
"""
import csv
import datetime
import json
import os
import platform
import subprocess
import sys

FAILED = []


def promise(kept, text):
    print(f"- {'kept' if kept else 'NOT KEPT'}: {text}")
    if not kept:
        FAILED.append(text)


def head(title):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    print(f"# {title}\n\n{datetime.date.today()}, {os.cpu_count()} cores, {model}, {platform.system()}\n")


def interval(value, digits):
    return f"{value['value']:.{digits}f} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"


def quantity(value):
    for suffix, factor in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g}{suffix}"
    return f"{value:.3g}"


def convex(losses):
    """Whether the points of one budget, in order of N, fall to one minimum inside and rise again."""
    best = losses.index(min(losses))
    falls = all(a > b for a, b in zip(losses[:best], losses[1:best + 1]))
    rises = all(a < b for a, b in zip(losses[best:], losses[best + 1:]))
    return 0 < best < len(losses) - 1 and falls and rises


def profiles(trials):
    budgets = {}
    for trial in trials:
        budgets.setdefault(trial["budget"], []).append((trial["params"], trial["loss"]))
    return {budget: [loss for _, loss in sorted(points)] for budget, points in sorted(budgets.items())}


def demo(paths):
    head("The demo: seeds and corpora")
    print("| run | training | a | N* at 1,000x | loss there | E | backtest mean | largest | at the lowest loss |")
    print("|---|---|---|---|---|---|---|---|---|")
    runs = {os.path.basename(path)[:-5]: json.load(open(path)) for path in paths}
    for name, run in runs.items():
        fit, plan, test = run["fit"], run["plan"], run["fit"]["backtest"]
        params = plan["params"]
        print(f"| {name} | {run['seconds']:.0f} s | {interval(fit['exponents']['a'], 3)} | {quantity(params['value'])} "
              f"[{quantity(params['low'])}, {quantity(params['high'])}] | {interval(plan['loss'], 3)} | "
              f"{interval(fit['asymptote'], 3)} | {100 * test['mean_error']:+.2f} % | "
              f"{100 * test['max_error']:+.2f} % | {100 * test['best_error']:+.2f} % |")
    print("\nHeld-out nats per token, each budget's sizes from small to large:\n")
    for name, run in runs.items():
        for budget, losses in profiles(run["trials"]).items():
            print(f"- {name}, {budget:.3g} FLOP: {', '.join(f'{loss:.4f}' for loss in losses)}"
                  f"{'' if convex(losses) else '  (not strictly convex)'}")
    print("\nPromises\n")
    for name, run in runs.items():
        usable = [profile["usable"] for profile in run["fit"]["isoflop"]["profiles"]]
        promise(all(usable), f"{name}: every budget's parabola is convex with its minimum inside")
        promise(abs(run["fit"]["backtest"]["max_error"]) < 0.02,
                f"{name}: every trial of the hidden largest budget is predicted within 2 %")
        promise(run["seconds"] <= 300, f"{name}: training takes at most 5 minutes")


def zipf(isoflop, work):
    trials = [trial for trial in json.load(open(f"{work}/zipf.json")) if trial["state"] == "done"]
    fit = json.load(open(f"{work}/zipf-fit.json"))
    entropy = sum(trial["loss"] - trial["excess"] for trial in trials) / len(trials)
    largest = max(trial["budget"] for trial in trials)
    with open(f"{work}/below.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["params", "tokens", "flops", "loss", "budget"])
        for trial in trials:
            if trial["budget"] < largest:
                table.writerow([trial[key] for key in ("params", "tokens", "flops_exact", "loss", "budget")])
    below = json.loads(subprocess.run(
        [isoflop, "fit", "--csv", f"{work}/below.csv", "--convention", "exact", "--draws", "0", "--json"],
        check=True, capture_output=True, text=True).stdout)
    law = below["law"]["parameters"]

    head("Decoders on Zipf facts: predictions against a known entropy")
    print(f"True entropy of the evaluated windows: {entropy:.4f} nats per token. Fitted E on all budgets: "
          f"{interval(fit['asymptote'], 4)}.\n")
    print("| budget | N | D | loss | excess | predicted excess | error |\n|---|---|---|---|---|---|---|")
    errors = []
    for trial in trials:
        if trial["budget"] < largest:
            continue
        predicted = (law["E"] + law["A"] / trial["params"] ** law["alpha"] +
                     law["B"] / trial["tokens"] ** law["beta"]) - entropy
        errors.append(predicted / trial["excess"] - 1)
        print(f"| {trial['budget']:.3g} | {quantity(trial['params'])} | {quantity(trial['tokens'])} | "
              f"{trial['loss']:.4f} | {trial['excess']:.4f} | {predicted:.4f} | {100 * errors[-1]:+.1f} % |")
    print("\nHeld-out nats per token, each budget's sizes from small to large:\n")
    for budget, losses in profiles(trials).items():
        print(f"- {budget:.3g} FLOP: {', '.join(f'{loss:.4f}' for loss in losses)}"
              f"{'' if convex(losses) else '  (not strictly convex)'}")
    print("\nPromises\n")
    promise(max(map(abs, errors)) < 0.10, "the hidden largest budget's excess loss is predicted within 10 %")
    says_so = any(warning["code"] == "asymptote_unsure" for warning in fit.get("warnings", []))
    promise(abs(fit["asymptote"]["value"] - entropy) < 0.02 or says_so,
            "the fitted E is within 0.02 nats of the true one, or the fit says that it cannot tell E"
            + (" (it says so)" if says_so else ""))


def sweep(isoflop, db, name):
    """A sweep of another kind of model: its profiles, and its largest budget predicted from the others."""
    ask = lambda *command: json.loads(subprocess.run([isoflop, *command], check=True, capture_output=True, text=True).stdout)
    status = ask("sweep", "status", "--db", db, "--json")
    fit = ask("fit", "--db", db, "--json")
    trials = [trial for trial in ask("sweep", "export", "--db", db, "--json") if trial["state"] == "done"]
    head(f"{name}: examples/{os.path.basename(db)[:-3]}.toml")
    minutes = status["core_hours"] * 60
    print(f"{len(trials)} trials, {status['flops']:.3g} FLOP ({fit['flops']['convention']}), {minutes:.1f} minutes of one core.\n")
    law = fit["law"]["parameters"]
    print(f"L(N, D) = {law['E']:.4g} + {law['A']:.4g} / N^{law['alpha']:.4g} + {law['B']:.4g} / D^{law['beta']:.4g}; "
          f"a {interval(fit['exponents']['a'], 3)}.\n")
    print("| budget | trials | N* (joint) | by Akima | lowest loss | bracketed |\n|---|---|---|---|---|---|")
    found = fit["isoflop"]["profiles"]
    for profile in found:
        losses = [trial["loss"] for trial in trials if abs(trial["budget"] / profile["budget"] - 1) < 1e-6]
        show = lambda key: quantity(profile[key]) if profile.get(key) else "-"
        print(f"| {profile['budget']:.3g} | {profile['points']} | {show('joint')} | {show('akima')} | {min(losses):.4f} | "
              f"{'yes' if profile['usable'] else 'no'} |")
    test = fit["backtest"]
    print(f"\nThe largest budget, hidden: {test['hidden']} trials predicted with a mean error of {100 * test['mean_error']:+.2f} %, largest "
          f"{100 * test['max_error']:+.2f} %, at the lowest loss {100 * test['best_error']:+.2f} %.\n\nPromises\n")
    promise(all(profile["usable"] for profile in found), "every budget is bracketed")
    promise(abs(test["max_error"]) < 0.03, "every trial of the hidden largest budget is predicted within 3 %")
    promise(minutes <= 60, "at most 30 minutes on 2 cores")


def faults(paths):
    """One column a run of tests/faults, from the counts that it leaves at ISOFLOP_FAULT_REPORT."""
    head("Sweeps under faults")
    runs = []
    for path in paths:
        rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in open(path)]
        runs.append((rows[0][0], dict(rows[2:])))
    names = sorted(set().union(*(counts for _, counts in runs)))
    print("| | " + " | ".join(seed for seed, _ in runs) + " | all |\n|---|" + "---|" * (len(runs) + 1))
    for name in names:
        numbers = [int(counts.get(name, 0)) for _, counts in runs]
        print(f"| {name} | " + " | ".join(map(str, numbers)) + f" | {sum(numbers)} |")
    print("\nPromises\n")
    kills = [int(c.get("kills of workers", 0)) + int(c.get("kills of drivers", 0)) for _, c in runs]
    promise(min(kills) >= 100, "at least 100 kill -9 a run")
    promise(all(not name.startswith("drivers that gave up") or name.endswith("full") for name in names),
            "no driver gives up, except cleanly on a full disk")
    promise(len({(c.get("trials: done"), c.get("trials: diverged"), c.get("attempts: done")) for _, c in runs}) == 1,
            "every run ends with the same trials done and diverged, one result each")


if sys.argv[1] == "demo":
    demo(sys.argv[2:])
elif sys.argv[1] == "sweep":
    sweep(*sys.argv[2:])
elif sys.argv[1] == "faults":
    faults(sys.argv[2:])
else:
    zipf(sys.argv[2], sys.argv[3])
sys.exit(1 if FAILED else 0)
