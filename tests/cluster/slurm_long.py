#!/usr/bin/env python3
"""slurm_long.py ISOFLOP [--seed 1] [--trouble 40]: what takes Slurm minutes, as a report in Markdown.

    time limit    tasks longer than -t 1: warned, saved, requeued, once by Slurm (RequeueExit) and once
                  by the script itself
    dead node     kill -9 of a node that Slurm has to find dead by itself
    no slurmctld  kill -9 of slurmctld; collecting meanwhile takes nothing from anybody
    trouble       node kills, requeues, preemptions and cancels at random until the sweep is through

Each ends with the table of a local run of the same grid, or the program fails.
"""
import argparse, os, platform, random, sys, time
from private_slurm import PrivateSlurm
from slurm_sweep import SlurmSweep, check, check_same
from slurm_test import (cancel_one, kill_a_node, node_of, preempt, requeue_one, restarts_of, running,
                        wait_busy)


def finish(sweep, reference, options, seconds):
    """Collects and submits again until nothing is left; how many submissions that took."""
    submissions = 0
    while True:
        sweep.slurm.wait_until_empty(seconds)
        sweep.collect()
        if not sweep.submit(*options):
            check_same(sweep.table(sweep.db), reference)
            return submissions
        submissions += 1


def outcome(sweep, reference, happened):
    return {"trials": len(reference), "attempts": sum(sweep.attempts().values()), "what": happened}


def time_limit(isoflop, requeue_exit, flops):
    with PrivateSlurm(nodes=2, cpus=1, requeue_exit=requeue_exit) as slurm, \
         SlurmSweep(isoflop, slurm, budgets=flops, params='"11k"') as sweep:
        reference = sweep.reference(timeout=900)
        options = ["--trials-per-task", "1", "--time", "1", "--signal-seconds", "30"]
        job, = sweep.submit(*options)
        tasks = list(slurm.tasks())
        slurm.wait_until_empty(900)
        restarts = sum(restarts_of(slurm, task) for task in tasks)
        check(restarts > 0, "no task reached its time limit")
        check(finish(sweep, reference, options, 900) == 0, "a task did not come back by itself")
        return outcome(sweep, reference, f"{len(tasks)} tasks, restarted {restarts} times")


def dead_node(isoflop):
    with PrivateSlurm(nodes=3, cpus=1) as slurm, SlurmSweep(isoflop, slurm) as sweep:
        reference = sweep.reference(timeout=900)
        options = ["--trials-per-task", "2", "--checkpoint-minutes", "0.005"]
        jobs = sweep.submit(*options)
        task = wait_busy(slurm, sweep, jobs)
        node = node_of(slurm, task)
        killed, start = slurm.kill_node(node), time.monotonic()
        slurm.wait(lambda: restarts_of(slurm, task) == 1, 120, f"Slurm finds {node} dead")
        seconds = time.monotonic() - start
        slurm.start_node(node)
        check(finish(sweep, reference, options, 600) == 0, "a task did not come back by itself")
        return outcome(sweep, reference, f"{killed} processes killed; {task} requeued after "
                                         f"{seconds:.0f} s")


def no_slurmctld(isoflop):
    with PrivateSlurm(nodes=2, cpus=1) as slurm, SlurmSweep(isoflop, slurm) as sweep:
        reference = sweep.reference(timeout=900)
        options = ["--trials-per-task", "6", "--checkpoint-minutes", "0.005"]
        wait_busy(slurm, sweep, sweep.submit(*options))
        # What it has not written down yet it would start a second time, and drain the nodes.
        start, state = time.time(), slurm.dir / "state" / "job_state"
        slurm.wait(lambda: state.exists() and state.stat().st_mtime > start, 60, "slurmctld's state")
        slurm.kill_slurmctld()
        planned, start = sweep.status()["planned"], time.monotonic()
        sweep.collect("--release", timeout=400)
        check(sweep.status()["planned"] == planned == 0, "trials were taken from running tasks")
        seconds = time.monotonic() - start
        slurm.start_slurmctld()
        check(finish(sweep, reference, options, 600) == 0, "something was submitted twice")
        return outcome(sweep, reference, f"collecting took {seconds:.0f} s without slurmctld and "
                                         "planned nothing again")


def random_trouble(isoflop, seed, count):
    dice = random.Random(seed)
    with PrivateSlurm(nodes=4, cpus=1, max_array=21) as slurm, \
         SlurmSweep(isoflop, slurm, budgets="3e10, 6e10, 9e10, 1.35e11, 2e11",
                    params='"4k", "5k", "7k", "9k", "11k", "16k"') as sweep:
        reference = sweep.reference(timeout=900)
        options = ["--partition", "spot", "--trials-per-task", "3", "--checkpoint-minutes", "0.01"]
        jobs, counts = sweep.submit(*options), {}
        for _ in range(count):
            time.sleep(dice.uniform(0, 3))
            if not slurm.tasks():
                jobs += sweep.submit(*options)
                if not slurm.tasks():
                    break
            trouble = dice.choice([kill_a_node, requeue_one, preempt, cancel_one])
            if not slurm.wait(lambda: running(slurm, jobs) or not slurm.tasks(), 60, "a task runs"):
                continue
            try:
                trouble(slurm, sweep, jobs)
            except Exception as error:  # the task ended before it was hit
                print(f"{trouble.__name__}: {error}".splitlines()[0], file=sys.stderr)
                continue
            counts[trouble.__name__] = counts.get(trouble.__name__, 0) + 1
        again = finish(sweep, reference, options, 300)
        names = {"kill_a_node": "nodes killed", "requeue_one": "tasks requeued",
                 "preempt": "preemptions", "cancel_one": "tasks cancelled"}
        happened = ", ".join(f"{counts[name]} {words}" for name, words in names.items() if name in counts)
        return outcome(sweep, reference, f"{happened}; {again} more submissions at the end")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("isoflop")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trouble", type=int, default=40)
    parser.add_argument("--limit-flops", default="3e12",
                        help="of a trial that has to take longer than the half minute before a warning")
    parser.add_argument("--only", default="", help="scenarios whose name has this")
    options = parser.parse_args()
    scenarios = {
        "dead node": lambda: dead_node(options.isoflop),
        "no slurmctld": lambda: no_slurmctld(options.isoflop),
        "time limit, requeued by Slurm": lambda: time_limit(options.isoflop, True, options.limit_flops),
        "time limit, requeued by the script": lambda: time_limit(options.isoflop, False, options.limit_flops),
        f"trouble, seed {options.seed}": lambda: random_trouble(options.isoflop, options.seed,
                                                                 options.trouble),
    }
    print("# Sweeps under a real Slurm\n")
    print(f"`tests/cluster/slurm_long.py`, Slurm 22.05 (Debian), private clusters of 2 to 4 nodes on one "
          f"machine of {len(os.sched_getaffinity(0))} cores, {platform.machine()}. "
          "Decoders on Zipf facts, half of them on shared trunks. Every sweep ended with the table of a "
          "local run of its grid, to the bit; `attempts` counts what was begun, cut short ones "
          "included.\n")
    print("| | trials | attempts | what happened | wall |\n|---|---|---|---|---|", flush=True)
    failed = False
    for name, scenario in scenarios.items():
        if options.only not in name:
            continue
        start = time.monotonic()
        try:
            row = scenario()
        except Exception as error:
            failed = True
            print(f"{name}: {error}", file=sys.stderr)
            row = {"trials": "", "attempts": "", "what": "FAILED: " + str(error).splitlines()[0]}
        print(f"| {name} | {row['trials']} | {row['attempts']} | {row['what']} | "
              f"{time.monotonic() - start:.0f} s |", flush=True)
    sys.exit(failed)


main()
