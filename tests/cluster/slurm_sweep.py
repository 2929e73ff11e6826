"""A sweep whose tasks a private Slurm runs, and the questions that tests ask of it."""
import csv, io, json, subprocess, sys
from pathlib import Path

# Decoders on Zipf facts: no corpus, a second or so each. Half of them share trunks.
GRID = """\
name = "cluster"
[data]
source = "zipf"
[grid]
kind = "isoflop"
flops = "exact"
budgets = [{budgets}]
params = [{params}]
[trial]
model.context = 64
eval_windows = 64
[axes]
train.schedule = ["cosine", "cooldown"]
"""
# Of `sweep export`: how it went, not what came out.
OF_THE_ATTEMPT = {"seconds", "attempts", "mfu", "micro_batch"}


class CheckFailed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise CheckFailed(what)


class SlurmSweep:
    """A grid, a store and the shared folder, in the cluster's folder."""

    def __init__(self, isoflop, slurm, budgets="3e10, 5e10, 8e10",
                 params='"4k", "7k", "11k", "16k"'):
        self.isoflop, self.slurm = Path(isoflop).absolute(), slurm
        self.dir = slurm.dir / "a sweep"  # a space, as people have them
        self.dir.mkdir()
        self.shared = self.dir / "shared"
        self.grid = self.dir / "grid.toml"
        self.grid.write_text(GRID.format(budgets=budgets, params=params))
        self.db = self.dir / "runs.db"

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error:
            print(f"logs of the tasks:\n{self.logs()}", file=sys.stderr)
        if error is CheckFailed:  # a SlurmError has them
            print(f"logs of Slurm:\n{self.slurm.logs()}", file=sys.stderr)

    def run(self, *arguments, timeout=240, check_code=True, environment=None):
        """isoflop ARGUMENTS; its result."""
        environment = environment or self.slurm.environment
        result = subprocess.run([self.isoflop, *map(str, arguments)], env=environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=timeout, cwd=self.dir)
        if check_code:
            check(result.returncode == 0,
                  f"isoflop {' '.join(map(str, arguments))} ended with {result.returncode}:\n"
                  f"{result.stdout}{result.stderr}")
        return result

    def submit(self, *arguments, **options):
        """Numbers of the arrays that `sweep slurm` submitted."""
        result = self.run("sweep", "slurm", self.grid, "--db", self.db, "--dir", self.shared,
                          "--csv", *arguments, **options)
        return [row["job"] for row in csv.DictReader(io.StringIO(result.stdout))]

    def collect(self, *arguments, **options):
        return self.run("sweep", "collect", self.shared, "--db", self.db, *arguments, **options)

    def status(self):
        return json.loads(self.run("sweep", "status", "--db", self.db, "--json").stdout)["trials"]

    def table(self, db):
        """`sweep export` of a store, without what the attempts did."""
        rows = csv.DictReader(io.StringIO(self.run("sweep", "export", "--csv", "--db", db).stdout))
        return {row["trial"]: {key: value for key, value in row.items() if key not in OF_THE_ATTEMPT}
                for row in rows}

    def reference(self, **options):
        """The table of the same grid run on this host."""
        db = self.dir / "local.db"
        self.run("sweep", "run", self.grid, "--db", db, "--quiet", **options)
        return self.table(db)

    def attempts(self):
        """Attempts so far, as the store has them, by trial."""
        rows = csv.DictReader(io.StringIO(
            self.run("sweep", "export", "--csv", "--db", self.db).stdout))
        return {row["trial"]: int(row["attempts"]) for row in rows}

    def at_work(self):
        """Tasks ("12_3") with an attempt that has begun and not ended, as far as its file says."""
        tasks = set()
        for path in (self.shared / "attempts").glob("*.jsonl"):
            lines = path.read_text().splitlines()
            if lines and '"end"' not in lines[-1]:
                tasks.add(json.loads(lines[0])["attempt"]["job"].removeprefix("slurm "))
        return tasks

    def logs(self, lines=8):
        text = ""
        for path in sorted((self.shared / "logs").glob("*.log")):
            last = path.read_text(errors="replace").splitlines()[-lines:]
            text += "".join(f"{path.name}: {line}\n" for line in last)
        return text


def check_same(table, reference):
    check(table.keys() == reference.keys(), "the stores hold other trials")
    for trial, row in reference.items():
        check(table[trial] == row, f"trial {trial}:\n  {table[trial]}\nis not the local run's\n  {row}")
