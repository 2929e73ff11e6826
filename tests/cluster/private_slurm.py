"""A Slurm of one's own for a test: munged, slurmctld and a few slurmds, all on 127.0.0.1 of this host.

    with PrivateSlurm(nodes=2, cpus=1) as slurm:
        slurm.run(["sbatch", ...])

Needs Debian's slurmctld, slurmd, slurm-client and munge (scripts/setup --tests), no systemd and no root: the
daemons run as whoever calls, with a key, ports and a folder of their own. Partition `main` preempts
`spot`, whose jobs are requeued.

Every command has a time limit, because Slurm's clients wait for ever when slurmctld is gone. What was
started is ended with the `with` block; should the test itself be killed, a guard process sees its pipe
close and does it. A process belongs to the cluster when SLURM_CONF in its environment is this cluster's:
daemons hand that on to slurmstepd and to the jobs, which outlive the daemons otherwise.
"""
import os, pwd, random, shutil, signal, socket, subprocess, sys, tempfile, time
from pathlib import Path

NEEDED = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo"]
SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])

CONF = """\
ClusterName=isoflop
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
# A job is not run again before its old credential has expired: 120 s by default.
AuthInfo=socket={dir}/munge.sock,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort={port}
SlurmdPort={slurmd_port}
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/slurmd.%n.pid
SlurmctldLogFile={dir}/log/slurmctld.log
SlurmdLogFile={dir}/log/slurmd.%n.log
SlurmctldDebug=info
SlurmdDebug=info
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/spool.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={dir}/log/jobcomp.txt
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0,sched_min_interval=0,requeue_setup_env_fail
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MaxArraySize={max_array}
MaxJobCount=20000
MinJobAge=3600
KillWait=5
InactiveLimit=0
SlurmctldTimeout=30
SlurmdTimeout=10
MessageTimeout=10
JobRequeue=1
{requeue_exit}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
NodeName=node[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first_node_port}-{last_node_port}] CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 DefaultTime=10 State=UP OverSubscribe=NO PriorityTier=10 PreemptMode=OFF
PartitionName=spot Nodes=ALL MaxTime=60 DefaultTime=10 State=UP OverSubscribe=NO PriorityTier=1 PreemptMode=REQUEUE GraceTime=8
"""


class SlurmError(Exception):
    pass


def free_ports(count):
    """The first of `count` free ports in a row, below those that the kernel gives out by itself."""
    for _ in range(200):
        first = random.randrange(15000, 32000 - count)
        sockets = []
        try:
            for port in range(first, first + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for opened in sockets:
                opened.close()
    raise SlurmError("no free ports on 127.0.0.1")


def processes_of(conf):
    """Process ids whose environment has SLURM_CONF=`conf`, this process left out."""
    wanted, found = f"SLURM_CONF={conf}".encode(), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            pass  # it has ended, or is another user's
    return found


def end_processes(conf, seconds=5):
    """Ends them by id: TERM, then KILL."""
    deadline = time.monotonic() + seconds
    asked = set()
    while pids := processes_of(conf):
        late = time.monotonic() > deadline
        for pid in pids:
            if late or pid not in asked:
                try:
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                except ProcessLookupError:
                    pass
                asked.add(pid)
        time.sleep(0.05)


class PrivateSlurm:
    def __init__(self, nodes=2, cpus=1, max_array=1001, requeue_exit=True):
        missing = [name for name in NEEDED if not shutil.which(name, path=SBIN)]
        if missing:
            raise SlurmError(f"Slurm is missing here: {', '.join(missing)}: run scripts/setup --tests")
        self.nodes = [f"node{i + 1}" for i in range(nodes)]
        # Sockets have short paths; munged wants nobody else to be able to write there.
        self.dir = Path(tempfile.mkdtemp(prefix="isoflop-slurm-"))
        self.dir.chmod(0o755)
        self.conf = self.dir / "slurm.conf"
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith(("SLURM_", "SBATCH_", "SQUEUE_", "SCONTROL_"))}
        self.environment.update(SLURM_CONF=str(self.conf), PATH=SBIN)
        port = free_ports(nodes + 2)
        self.conf.write_text(CONF.format(
            host=socket.gethostname().split(".")[0], user=pwd.getpwuid(os.getuid()).pw_name,
            dir=self.dir, port=port, slurmd_port=port + 1, first_node_port=port + 2,
            last_node_port=port + 1 + nodes, nodes=nodes, cpus=cpus, max_array=max_array,
            requeue_exit="RequeueExit=99" if requeue_exit else ""))
        self.guard = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        end_processes(self.conf)
        if self.guard:
            self.guard.stdin.close()
            self.guard.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _start(self):
        self._start_guard()
        for name in ["log", "state", *(f"spool.{node}" for node in self.nodes)]:
            (self.dir / name).mkdir()
        key = self.dir / "key"
        key.mkdir(mode=0o700)
        (key / "munge.key").write_bytes(os.urandom(128))
        (key / "munge.key").chmod(0o400)
        self._daemon("munged", f"--socket={self.dir}/munge.sock", f"--key-file={key}/munge.key",
                     f"--pid-file={self.dir}/munged.pid", f"--log-file={self.dir}/log/munged.log",
                     f"--seed-file={key}/munged.seed", "--num-threads=2")
        self.wait(lambda: (self.dir / "munge.sock").exists(), 10, "munged")
        self.start_slurmctld("-i")
        for node in self.nodes:
            self.start_node(node)
        self.wait(lambda: all(state == "idle" for state in self.node_states().values()), 30,
                  "all nodes idle")

    def _start_guard(self):
        """A process in a session of its own that outlives a killed test just long enough."""
        code = ("import sys; sys.path.insert(0, sys.argv[1]); import private_slurm, shutil; "
                "sys.stdin.read(); private_slurm.end_processes(sys.argv[2]); "
                "shutil.rmtree(sys.argv[3], ignore_errors=True)")
        environment = {k: v for k, v in self.environment.items() if k != "SLURM_CONF"}
        self.guard = subprocess.Popen(
            [sys.executable, "-c", code, str(Path(__file__).parent), str(self.conf), str(self.dir)],
            stdin=subprocess.PIPE, start_new_session=True, env=environment, cwd="/")

    def _daemon(self, *command):
        result = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, cwd=self.dir,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=20)
        if result.returncode != 0:
            raise SlurmError(f"{command[0]} did not start: {result.stderr}\n{self.logs()}")

    def start_slurmctld(self, *options):
        self._daemon("slurmctld", "-f", str(self.conf), *options)

    def kill_slurmctld(self):
        os.kill(int((self.dir / "slurmctld.pid").read_text()), signal.SIGKILL)

    def start_node(self, node):
        self._daemon("slurmd", "-f", str(self.conf), "-N", node)

    def kill_node(self, node):
        """As a power cut: slurmd, its slurmstepds and the jobs on that node, at once."""
        pids = [int((self.dir / f"slurmd.{node}.pid").read_text())]
        for pid in processes_of(self.conf):
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if f"SLURMD_NODENAME={node}".encode() in environment:
                pids.append(pid)
                # slurmstepd is the parent of the job's first process.
                parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
                if b"slurmstepd" in Path(f"/proc/{parent}/cmdline").read_bytes():
                    pids.append(parent)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return len(pids)

    def run(self, command, timeout=20, check=True, **options):
        result = subprocess.run([str(word) for word in command], env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=timeout, **options)
        if check and result.returncode != 0:
            raise SlurmError(f"{' '.join(map(str, command))} ended with {result.returncode}:\n"
                             f"{result.stdout}{result.stderr}")
        return result

    def node_states(self):
        out = self.run(["sinfo", "-h", "-N", "-o", "%N %t"], check=False).stdout
        return {line.split()[0]: line.split()[1] for line in out.splitlines()}

    def tasks(self):
        """{"12_3": "RUNNING", ...} of the jobs that have not ended."""
        out = self.run(["squeue", "-h", "-r", "-a", "-o", "%i %T"]).stdout
        return dict(line.split() for line in out.splitlines())

    def wait(self, condition, seconds, what):
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            if time.monotonic() > deadline:
                raise SlurmError(f"waited {seconds} s for: {what}\n{self.logs()}")
            time.sleep(0.1)
        return result

    def wait_until_empty(self, seconds):
        self.wait(lambda: not self.tasks(), seconds, "no jobs in the queue")

    def logs(self, lines=15):
        text = ""
        for path in sorted((self.dir / "log").glob("*.log")):
            last = path.read_text(errors="replace").splitlines()[-lines:]
            text += "".join(f"{path.name}: {line}\n" for line in last)
        return text
