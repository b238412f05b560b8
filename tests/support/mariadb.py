"""A private MariaDB server for the tests, with full durability, on a free port of this machine."""

import getpass
import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
from tests.support.processes import free_port

PATIENCE_S = 60
_numbers = itertools.count(1)


def _program(*names: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    raise RuntimeError(f"{names[0]} is missing: `make test` installs it on Debian, or prints how to")


class MariaDB:
    """A server under ``base`` that can be killed and started again, with the same port and data."""

    def __init__(self, base: Path, *options: str, user: str | None = None) -> None:
        self.base = base
        self._user = user or getpass.getuser()
        self.port = free_port()
        self.url = f"mysql://root@127.0.0.1:{self.port}"
        self._options = options
        self._server: subprocess.Popen[bytes] | None = None
        (base / "tmp").mkdir(parents=True)
        if user is not None:
            for path in (base, base / "tmp"):
                shutil.chown(path, user)
        made = subprocess.run(
            [
                _program("mariadb-install-db", "mysql_install_db"), "--no-defaults", f"--user={self._user}",
                f"--datadir={base / 'data'}", "--auth-root-authentication-method=normal", "--skip-test-db",
                "--skip-name-resolve",
            ],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert made.returncode == 0, f"no database was made: {made.stdout[-1000:]} {made.stderr[-1000:]}"

    def start(self, *options: str) -> None:
        """Start the server, with more options this time, and wait until it serves."""
        base = self.base
        with (base / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    _program("mariadbd", "mysqld"), "--no-defaults", f"--user={self._user}",
                    f"--datadir={base / 'data'}", f"--socket={base / 's.sock'}", f"--port={self.port}",
                    "--bind-address=127.0.0.1", f"--tmpdir={base / 'tmp'}", f"--pid-file={base / 'pid'}",
                    "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=1", "--character-set-server=utf8mb4",
                    "--collation-server=utf8mb4_unicode_520_ci", *self._options, *options,
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        _await(self._server, base)

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    @property
    def is_down(self) -> bool:
        """Whether it does not run."""
        return self._server is None or self._server.poll() is not None

    def close(self) -> None:
        """End the server."""
        if self._server is None:
            return
        self._server.send_signal(signal.SIGTERM)
        try:
            self._server.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._server.kill()


@contextmanager
def mariadb(base: Path, *options: str) -> Iterator[str]:
    """Run a server under ``base``; gives the URL of its root user without a database: ``mysql://root@127.0.0.1:port``."""
    server = MariaDB(base, *options)
    try:
        server.start()
        yield server.url
    finally:
        server.close()


def _await(server: subprocess.Popen[bytes], base: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    ping = [_program("mariadb-admin", "mysqladmin"), "--no-defaults", "-S", str(base / "s.sock"), "-uroot", "ping"]
    while subprocess.run(ping, capture_output=True, check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"MariaDB did not start:\n{(base / 'server.log').read_text()[-2000:]}")
        time.sleep(0.05)


def new_mysql_database(server: str) -> str:
    """Create an empty database on a server and return its URL."""
    name = f"desk_{next(_numbers)}"
    port = int(server.rpartition(":")[2])
    connection = pymysql.connect(host="127.0.0.1", port=port, user="root")
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    finally:
        connection.close()
    return f"{server}/{name}"


def async_url(url: str) -> str:
    """The URL with the driver that the project uses."""
    return url.replace("mysql://", "mysql+aiomysql://").replace("sqlite://", "sqlite+aiosqlite://")
