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


@contextmanager
def mariadb(base: Path) -> Iterator[str]:
    """Run a server under ``base``; gives the URL of its root user without a database: ``mysql://root@127.0.0.1:port``."""
    user = getpass.getuser()
    (base / "tmp").mkdir(parents=True)
    subprocess.run(
        [
            _program("mariadb-install-db", "mysql_install_db"), "--no-defaults", f"--user={user}",
            f"--datadir={base / 'data'}", "--auth-root-authentication-method=normal", "--skip-test-db",
            "--skip-name-resolve",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    log = (base / "server.log").open("wb")
    server = subprocess.Popen(
        [
            _program("mariadbd", "mysqld"), "--no-defaults", f"--user={user}", f"--datadir={base / 'data'}",
            f"--socket={base / 's.sock'}", f"--port={port}", "--bind-address=127.0.0.1", f"--tmpdir={base / 'tmp'}",
            f"--pid-file={base / 'pid'}", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=1",
            "--character-set-server=utf8mb4", "--collation-server=utf8mb4_unicode_520_ci",
        ],
        stdout=log, stderr=log, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _await(server, base)
        yield f"mysql://root@127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


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
