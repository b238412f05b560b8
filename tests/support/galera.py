"""A private Galera cluster of three MariaDB servers on this machine."""

import getpass
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.mariadb import MariaDB
from tests.support.processes import free_port

NODES = 3
PROVIDER = "/usr/lib/galera/libgalera_smm.so"


@contextmanager
def galera() -> Iterator[list[MariaDB]]:
    """Three nodes that have found each other; the first one began the cluster."""
    if not Path(PROVIDER).exists():
        raise RuntimeError("galera-4 is missing: `make test` installs it with mariadb-server on Debian")
    # A joining server gets its first data by rsync, which refuses to run as root.
    user = "mysql" if getpass.getuser() == "root" else None
    with ExitStack() as stack:
        # Not in pytest's directory: that one is closed to other users.
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="galera-", ignore_cleanup_errors=True)))
        base.chmod(0o755)
        ports = [free_port() for _ in range(NODES)]
        members = "gcomm://" + ",".join(f"127.0.0.1:{port}" for port in ports)
        nodes: list[MariaDB] = []
        for number, port in enumerate(ports):
            node = MariaDB(base / f"node-{number}", *_options(number, port, members), user=user)
            stack.callback(node.close)
            # The way back in is that of the others.
            node.start(*(["--wsrep-new-cluster"] if number == 0 else []))
            nodes.append(node)
        yield nodes


def _options(number: int, port: int, members: str) -> list[str]:
    provider = (
        f"base_port={port};gmcast.listen_addr=tcp://127.0.0.1:{port};ist.recv_addr=127.0.0.1:{free_port()};gcache.size=64M;"
        "pc.recovery=FALSE;evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT5S"
    )
    return [
        "--innodb-buffer-pool-size=128M", "--innodb-autoinc-lock-mode=2", "--binlog-format=ROW", "--wsrep-on=ON",
        f"--wsrep-provider={PROVIDER}", "--wsrep-cluster-name=frontdesk", f"--wsrep-cluster-address={members}",
        "--wsrep-node-address=127.0.0.1", f"--wsrep-node-name=node-{number}", "--wsrep-sst-method=rsync",
        f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}", f"--wsrep-provider-options={provider}",
    ]  # fmt: skip
