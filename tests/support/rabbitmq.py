"""Private RabbitMQ nodes for the tests: one, or a cluster, that can be killed and started again."""

import base64
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.processes import free_port

SBIN = Path("/usr/lib/rabbitmq/bin")
PATIENCE_S = 90


def _epmd() -> str:
    found = shutil.which("epmd")
    if not found:
        raise RuntimeError("epmd is missing: `make test` installs it with rabbitmq-server on Debian")
    return found


class RabbitMQNode:
    """A node under ``base``. Nodes with the same ``base`` and ``epmd_port`` that name each other are a cluster."""

    def __init__(self, base: Path, *, name: str = "desk", epmd_port: int, cluster: Sequence[str] = ()) -> None:
        self.base, self.name, self.epmd_port = base, name, epmd_port
        self.port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self.home = base / name
        (self.home / "mnesia").mkdir(parents=True, exist_ok=True)
        (self.home / "log").mkdir(exist_ok=True)
        self._cookie()
        (self.home / "enabled_plugins").write_text("[].", encoding="utf-8")
        lines = [
            "disk_free_limit.absolute = 50MB",
            "log.file.level = warning",
            "vm_memory_high_watermark.absolute = 512MB",
        ]
        if cluster:
            lines += [
                "cluster_formation.peer_discovery_backend = classic_config",
                "cluster_partition_handling = pause_minority",
            ]
            lines += [
                f"cluster_formation.classic_config.nodes.{n} = {node}@localhost" for n, node in enumerate(cluster, 1)
            ]
        (self.home / "rabbitmq.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.environment = {
            **os.environ,
            "HOME": str(base),
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"{name}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.home / "log"),
            "RABBITMQ_PID_FILE": str(self.home / "pid"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.home / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
        }
        self._server: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start the node; it serves some seconds later, see :meth:`await_serving`."""
        subprocess.run(
            # Relaxed: else it refuses to end while it has not seen yet that its node has.
            [_epmd(), "-daemon", "-relaxed_command_check", "-address", "127.0.0.1", "-port", str(self.epmd_port)],
            check=True,
            env=self.environment,
        )
        with (self.home / "out.log").open("ab") as log:
            self._server = subprocess.Popen(
                [SBIN / "rabbitmq-server"], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def await_serving(self) -> None:
        """Wait until clients can come."""
        deadline = time.monotonic() + PATIENCE_S
        while self.control("await_startup", "--timeout", "60", check=False):
            assert self._server is not None
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ did not start:\n{(self.home / 'out.log').read_text()[-2000:]}")
            time.sleep(0.3)

    def control(self, *arguments: str, check: bool = True) -> int:
        """Run ``rabbitmqctl``; its exit status."""
        command = [str(SBIN / "rabbitmqctl"), "-q", "-n", f"{self.name}@localhost", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, check=check).returncode

    def kill(self) -> None:
        """End the node at once, as a power cut would."""
        if self._server is not None and self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()

    def close(self) -> None:
        """End the node and the name server that came with it."""
        self.kill()
        subprocess.run([_epmd(), "-port", str(self.epmd_port), "-kill"], capture_output=True, check=False)

    def _cookie(self) -> None:
        cookie = self.base / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(base64.b32encode(secrets.token_bytes(15)).decode(), encoding="ascii")
            cookie.chmod(0o400)
