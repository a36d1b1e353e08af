"""What the results were measured on, without saying whose machine it is: no host name, no paths."""

import os
import platform
import subprocess
from datetime import datetime, timezone

from .command import Failed


def describe(bench):
    """The machine, its libraries, the peers' and h5lab's versions. `bench` is the running `Bench`."""
    env = bench.json_of([bench.h5lab, "env", "--json", "."])
    machine, disk = env["machine"], env["file_system"] or {}
    return {
        "cpu": machine["cpu_model"],
        "cores": os.cpu_count(),
        "memory_bytes": machine["memory_total_bytes"],
        # The release alone: what a distribution or a site adds to it may name them.
        "kernel": platform.release().split("-")[0],
        "os": machine["os"],
        "file_system": disk.get("kind"),
        "hdf5": env["hdf5"]["version"],
        "mpi": " ".join(str(env["mpi"]["library"][k]) for k in ("name", "version")),
        "mpi_io": env["mpi"]["library"]["io"],
        "h5lab": subprocess.run([bench.h5lab, "--version"], capture_output=True, text=True).stdout.strip(),
        "python_peers": peers(bench),
    }


def peers(bench):
    try:
        return bench.json_of([*bench.mpirun(1), bench.python, bench.peer("versions.py")])
    except (Failed, ValueError) as error:
        raise Failed(f"the Python peers can't run ({bench.python}); see bench/README.md\n{error}") from error


def now():
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def commit(root):
    """The commit that is measured, with a + if files differ from it; unknown is None."""
    def git(*args):
        done = subprocess.run(["git", "-C", root, *args], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None
    try:
        head, changed = git("rev-parse", "--short=12", "HEAD"), git("status", "--porcelain", "--", ":!bench/results")
    except FileNotFoundError:
        return None
    return head and head + ("+" if changed else "")
