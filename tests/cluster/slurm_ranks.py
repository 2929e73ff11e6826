#!/usr/bin/env python3
"""slurm_ranks.py ISOFLOP: one trial in several processes under srun, with a Slurm of our own."""
import json, os, sys, tempfile, time
from pathlib import Path
from private_slurm import PrivateSlurm
from slurm_sweep import check

SKIPPED = 77
TRIAL = ["train", "--params", "6k", "--tokens", "16k", "--set", "data.source=zipf", "--set", "model.context=64",
         "--set", "eval_windows=32", "--json"]


def same_loss(result, one, what):
    check(result.returncode == 0, f"{what} ended with {result.returncode}: {result.stderr}")
    loss = json.loads(result.stdout)["loss"]  # one object: rank 0's alone
    check(abs(loss - one) < 2e-4, f"{what}: loss {loss}, alone {one}")
    print(f"{what}: loss {loss:.6f}, alone {one:.6f}")


def in_a_batch_script(slurm, isoflop, one, folder):
    """Its own shell is no srun step: nobody else would come."""
    out = Path(folder) / "batch.json"
    slurm.run(["sbatch", "-N1", "-n2", "-o", "/dev/null", "--wrap", f"{isoflop} {' '.join(TRIAL)} > {out}"])
    slurm.wait_until_empty(60)
    loss = json.loads(out.read_text())["loss"]
    check(loss == one, f"in a batch script: loss {loss}, alone {one}")
    print("in a batch script's own shell: one process")


def main(isoflop):
    with PrivateSlurm(nodes=2, cpus=2) as slurm, tempfile.TemporaryDirectory() as folder:
        alone = slurm.run([isoflop, *TRIAL], timeout=60)
        one = json.loads(alone.stdout)["loss"]
        same_loss(slurm.run(["srun", "-N1", "-n2", isoflop, *TRIAL], timeout=90), one, "srun -n2")
        same_loss(slurm.run(["srun", "-N1", "-n2", isoflop, *TRIAL, "--shard-optimizer"], timeout=90), one,
                  "srun -n2 --shard-optimizer")
        # The names of this Slurm's nodes mean nothing outside of it.
        slurm.environment["MASTER_ADDR"] = "127.0.0.1"
        same_loss(slurm.run(["srun", "-N2", "-n2", isoflop, *TRIAL], timeout=90), one, "srun -N2 -n2")
        del slurm.environment["MASTER_ADDR"]
        in_a_batch_script(slurm, isoflop, one, folder)


if __name__ == "__main__":
    if not os.path.isdir("/sys/fs/cgroup"):
        print("skipped: slurmd does not start without /sys and its cgroups, as in a bare chroot: mount them")
        sys.exit(SKIPPED)
    start = time.monotonic()
    main(sys.argv[1])
    print(f"{time.monotonic() - start:.0f} s")
