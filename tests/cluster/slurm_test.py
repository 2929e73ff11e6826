#!/usr/bin/env python3
"""slurm_test.py ISOFLOP SCENARIO: a sweep under a Slurm of our own; see SCENARIOS at the end.

What takes minutes (the time limit, a node that Slurm itself finds dead) is in slurm_long.py.
"""
import os, subprocess, sys, time
from private_slurm import PrivateSlurm
from slurm_sweep import SlurmSweep, check, check_same


def running(slurm, jobs):
    return sorted(name for name, state in slurm.tasks().items()
                  if state == "RUNNING" and name.split("_")[0] in jobs)


def wait_busy(slurm, sweep, jobs, seconds=40):
    """A task that runs and is in the middle of a trial."""
    def busy():
        at_work = sweep.at_work()
        return [task for task in running(slurm, jobs) if task in at_work]
    return slurm.wait(busy, seconds, "a task is in the middle of a trial")[0]


def node_of(slurm, task):
    return slurm.run(["squeue", "-h", "-r", "-j", task, "-o", "%N"]).stdout.strip()


def kill_a_node(slurm, sweep, jobs):
    node = node_of(slurm, wait_busy(slurm, sweep, jobs))
    killed = slurm.kill_node(node)
    check(killed >= 3, f"slurmd, slurmstepd and a task were to be killed on {node}, not {killed}")
    # An administrator's word, instead of the 30 s that slurmctld takes by itself.
    slurm.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=power"])
    sweep.collect()
    slurm.start_node(node)
    slurm.wait(lambda: slurm.node_states().get(node) in ("idle", "alloc", "mix"), 20, f"{node} is back")
    return f"{node} killed"


def requeue_one(slurm, sweep, jobs):
    task = wait_busy(slurm, sweep, jobs)
    slurm.run(["scontrol", "requeue", task])
    return f"{task} requeued"


def preempt(slurm, sweep, jobs):
    wait_busy(slurm, sweep, jobs)
    before = len(running(slurm, jobs))
    job = slurm.run(["sbatch", "--parsable", "-p", "main", f"--nodes={len(slurm.nodes)}", "-t", "1",
                     "-o", "/dev/null", "--wrap", "sleep 0.5"]).stdout.strip()
    slurm.wait(lambda: slurm.tasks().get(job) == "RUNNING" or job not in slurm.tasks(), 40,
               "the other's job has the nodes")
    return f"{before} tasks preempted"


def cancel_one(slurm, sweep, jobs):
    task = wait_busy(slurm, sweep, jobs)
    slurm.run(["scancel", task])
    return f"{task} cancelled"


def under_fire(isoflop):
    """Node kill, requeue, preemption, scancel; then the table of a local run."""
    with PrivateSlurm(nodes=3, cpus=1, max_array=9) as slurm, SlurmSweep(isoflop, slurm) as sweep:
        reference = sweep.reference()
        script = sweep.run("sweep", "slurm", sweep.grid, "--db", sweep.db, "--dir", sweep.shared,
                           "--dry-run").stdout
        check("exec " in script and "--requeue" in script, f"not a batch script:\n{script}")
        check(not sweep.db.exists() and not sweep.shared.exists(), "a dry run wrote something")

        options = ["--partition", "spot", "--trials-per-task", "2", "--checkpoint-minutes", "0.005"]
        jobs = sweep.submit(*options)
        check(len(jobs) == 2, f"12 tasks in arrays of 9 are 2 arrays, not {jobs}")
        check(sweep.submit(*options) == [], "a second submission found something to submit")
        check(sweep.status()["planned"] == 0, "a local run would find trials to run")

        log = []
        for trouble in (kill_a_node, requeue_one, preempt, cancel_one):
            log.append(trouble(slurm, sweep, jobs))
            sweep.collect()
            time.sleep(0.5)
        slurm.wait_until_empty(120)
        sweep.collect()
        # What the cancelled task left; the same command submits it.
        rest = sweep.submit(*options)
        check(len(rest) == 1, f"the cancelled task's trials were not submitted again: {rest}")
        slurm.wait_until_empty(60)
        sweep.collect()
        check_same(sweep.table(sweep.db), reference)
        attempts = sweep.attempts()
        check(sweep.submit(*options) == [], "there was something left to submit")
        check(sweep.attempts() == attempts, "collecting again changed something")
        check(sum(attempts.values()) > len(attempts), f"nothing was hit: {attempts}")
        print(f"{len(reference)} trials in {sum(attempts.values())} attempts; " + "; ".join(log))


def warn(slurm, task):
    """What --signal=B:USR1 sends. For a task of an array scancel 22.05 sends it, and is then told to try
    again later, which it would do; so it gets no time for that."""
    try:
        slurm.run(["scancel", "--batch", "--signal=USR1", task], timeout=2, check=False)
    except subprocess.TimeoutExpired:
        pass


def script_requeues(isoflop):
    """A site without RequeueExit: a warned task saves, requeues itself, and no other."""
    with PrivateSlurm(nodes=2, cpus=1, requeue_exit=False) as slurm, \
         SlurmSweep(isoflop, slurm, budgets="6e10, 1e11", params='"4k", "7k"') as sweep:
        reference = sweep.reference()
        job, = sweep.submit("--trials-per-task", "2", "--checkpoint-minutes", "0.005")
        task = wait_busy(slurm, sweep, [job])
        others = [name for name in slurm.tasks() if name != task]
        warn(slurm, task)
        slurm.wait(lambda: slurm.tasks().get(task) == "PENDING", 20, f"{task} is requeued")
        slurm.wait_until_empty(90)
        restarts = {name: restarts_of(slurm, name) for name in [task, *others]}
        check(restarts.pop(task) == 1, f"{task} was not restarted once")
        check(not any(restarts.values()), f"other tasks were restarted: {restarts}")
        sweep.collect()
        check_same(sweep.table(sweep.db), reference)
        print(f"{task} restarted itself, the others were not")


def restarts_of(slurm, task):
    words = slurm.run(["scontrol", "show", "job", task, "-o"]).stdout.split()
    return int(next(word for word in words if word.startswith("Restarts=")).split("=")[1])


# An sbatch that submits, or does not, and whose caller then dies as with kill -9.
DYING_SBATCH = """\
#!/bin/bash
if [ {submits} = yes ]; then PATH=${{PATH#*:}} sbatch "$@"; fi
kill -9 $PPID
"""


def dying_submission(isoflop):
    """The program dies between lease and submission, or just behind it: nothing is lost or doubled."""
    with PrivateSlurm(nodes=2, cpus=1) as slurm, \
         SlurmSweep(isoflop, slurm, budgets="2e9", params='"4k", "7k"') as sweep:
        for submits in ("no", "yes"):
            folder = sweep.dir / submits
            folder.mkdir()
            (folder / "sbatch").write_text(DYING_SBATCH.format(submits=submits))
            (folder / "sbatch").chmod(0o755)
            dying = dict(slurm.environment, PATH=f"{folder}:{slurm.environment['PATH']}")
            sweep.submit(environment=dying, check_code=False)
            check(sweep.status()["planned"] == 0, "a dead submission's trials were up for grabs")
        # The first left nothing in the queue, and the second took its trials up again.
        check(sweep.submit() == [], "an array was submitted twice")
        check(len({name.split("_")[0] for name in slurm.tasks()}) <= 1, "an array was submitted twice")
        slurm.wait_until_empty(60)
        sweep.collect()
        check_same(sweep.table(sweep.db), sweep.reference())
        check(set(sweep.attempts().values()) == {1}, f"trials ran twice: {sweep.attempts()}")


def refused(isoflop):
    """No Slurm here, or one that refuses: an error that says what to do, and no trial is held."""
    with PrivateSlurm(nodes=1, cpus=1) as slurm, \
         SlurmSweep(isoflop, slurm, budgets="2e9", params='"4k", "7k"') as sweep:
        nowhere = {"PATH": "/nonexistent"}
        command = ["sweep", "slurm", sweep.grid, "--db", sweep.db, "--dir", sweep.shared]
        result = sweep.run(*command, check_code=False, environment=nowhere)
        check(result.returncode == 1 and "sweep assign" in result.stderr, result.stderr)
        check(not sweep.db.exists(), "a store was made where nothing can be submitted")
        result = sweep.run(*command, "--dry-run", environment=nowhere)
        check("requeue" in result.stdout and "4 trials" in result.stderr, result.stdout + result.stderr)

        result = sweep.run(*command, "--partition", "nosuch", check_code=False)
        check(result.returncode == 1 and "invalid partition" in result.stderr, result.stderr)
        check(sweep.status()["planned"] == 4, "trials stayed leased to a job that is none")
        check(len(sweep.submit("--extra=--comment='two words' --nice=5")) == 1, "then it did not submit")
        slurm.wait_until_empty(60)
        sweep.collect()
        check(sweep.status()["done"] == 4, "not all trials are done")
        print("nothing was held by what was refused")


SCENARIOS = {"refused": refused, "fire": under_fire, "script": script_requeues, "dying": dying_submission}

SKIPPED = 77

if __name__ == "__main__":
    if not os.path.isdir("/sys/fs/cgroup"):
        print("skipped: slurmd does not start without /sys and its cgroups, as in a bare chroot: mount them")
        sys.exit(SKIPPED)
    start = time.monotonic()
    SCENARIOS[sys.argv[2]](sys.argv[1])
    print(f"{sys.argv[2]}: {time.monotonic() - start:.0f} s")
