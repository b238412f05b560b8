"""``frontdesk up``, ``down`` and ``status``: the whole desk under PM2, as ``make up`` starts it."""

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import click
import segno

from frontdesk.bootstrap import database_of, opened
from frontdesk.channels.connector import Connectors, ConnectorStatus
from frontdesk.cli.check import check_parts
from frontdesk.config.manifests import load_manifests
from frontdesk.domain.access import digest_of, new_secret
from frontdesk.domain.errors import ConfigurationError, UnavailableError
from frontdesk.settings import MAIN_ACCOUNT, ROOT, Settings, load_settings
from frontdesk.store import access
from frontdesk.store.schema import migrate
from frontdesk.wire.signing import new_secret as new_signing_secret

PM2 = ROOT / "connector-node" / "node_modules" / ".bin" / "pm2"
ECOSYSTEM = ROOT / "ecosystem.config.js"
HEALTH_PATIENCE_S = 90
QR_PATIENCE_S = 45
SETTLED = frozenset({"WORKING", "SCAN_QR_CODE", "FAILED", "DISCONNECTED"})


@click.command()
async def up() -> int:
    """Prepare everything that is missing, start connector, backend and agents, and wait until they are healthy."""
    _write_env()
    _copy_business()
    # What customers write lies in var/: for the owner's eyes only.
    os.umask(0o077)
    settings = load_settings()
    check_parts(settings)
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    settings.var_dir.chmod(0o700)
    await _migrate(settings)
    _check_ports(settings)
    if _start(settings):
        _say("starting connector, backend and agents")
    health = await _until_healthy(settings)
    await _report(settings, health)
    return 0


@click.command()
def down() -> int:
    """Stop the desk and its PM2. Nothing is lost: what was accepted is in the store."""
    settings = load_settings()
    if not (settings.var_dir / "pm2").exists():
        click.echo("nothing is running")
        return 0
    _pm2(settings, "kill")
    (settings.var_dir / "up.fingerprint").unlink(missing_ok=True)
    click.echo("stopped")
    return 0


@click.command()
async def status() -> int:
    """Show what runs, and the address of the page."""
    settings = load_settings()
    processes = _processes(settings)
    for process in processes:
        environment = process["pm2_env"]
        memory = process["monit"]["memory"] // 1_048_576
        click.echo(
            f"{process['name']:22} {environment['status']:9} {memory:5} MB  {environment['restart_time']} restarts"
        )
    if not processes:
        click.echo("nothing is running; start it with: make up")
        return 1
    health = await _health(settings)
    await _report(settings, health or {})
    return 0 if health and health.get("status") == "ok" else 1


def _say(text: str) -> None:
    click.echo(f"• {text}", err=True)


def _write_env() -> None:
    """Make ``.env`` from the example, once, with fresh secrets and for its owner's eyes only."""
    path = ROOT / ".env"
    if path.exists():
        return
    _say("writing .env with fresh secrets")
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in ("WEBHOOK_SECRET", "AGENT_SECRET"):
        text = re.sub(rf"^{name}=$", f"{name}={new_signing_secret()}", text, flags=re.MULTILINE)
    for name in ("API_TOKEN", "CONNECTOR_TOKEN"):
        text = re.sub(rf"^{name}=$", f"{name}={secrets.token_urlsafe(24)}", text, flags=re.MULTILINE)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _copy_business() -> None:
    target = ROOT / "business.toml"
    if not target.exists():
        _say("writing business.toml from the example: edit it, it is what your customers are told")
        shutil.copyfile(ROOT / "business.example.toml", target)


async def _migrate(settings: Settings) -> None:
    database = database_of(settings)
    try:
        if await migrate(database):
            _say(f"schema made in {database.description}")
    except UnavailableError as error:
        raise UnavailableError(f"{database.description}: {error.detail}; see DB_HOST and the others in .env") from None
    finally:
        await database.close()


def _pm2(settings: Settings, *arguments: str) -> str:
    if not PM2.exists():
        raise ConfigurationError("PM2 is not installed; run: make up")
    environment = {
        **os.environ,
        "PM2_HOME": str(settings.var_dir / "pm2"),
        "FRONTDESK_PYTHON": sys.executable,
        "FRONTDESK_VAR": str(settings.var_dir),
        "EXTRA_ACCOUNTS": settings.extra_accounts,
    }
    done = subprocess.run(  # noqa: S603 (our own PM2)
        [str(PM2), *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode:
        # The reason stands first, the stack below it.
        raise UnavailableError(f"pm2 {arguments[0]} failed: {(done.stderr or done.stdout).strip()[:400]}")
    return done.stdout


def _processes(settings: Settings) -> list[dict[str, Any]]:
    if not (settings.var_dir / "pm2" / "pm2.pid").exists():
        return []
    output = _pm2(settings, "jlist")
    # PM2 may greet first; the list is its last line.
    found: list[dict[str, Any]] = json.loads(output.strip().splitlines()[-1])
    return found


def _check_ports(settings: Settings) -> None:
    """Before the first start: nobody else may listen where the desk is going to."""
    if _processes(settings):
        return
    places = {"the backend (BACKEND_PORT)": (settings.backend_host, settings.backend_port)}
    for account, url in settings.connector_urls.items():
        if (connector := urlsplit(url)).port and connector.hostname in {"127.0.0.1", "localhost"}:
            places[f"the connector of {account} (CONNECTOR_PORT and CONNECTOR_URL)"] = ("127.0.0.1", connector.port)
    for manifest in load_manifests(settings.agents_dir):
        if manifest.url is None:
            places[f"the agent {manifest.name} (port in its agent.toml)"] = (settings.agents_host, manifest.port)
    for what, (host, port) in places.items():
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                taken = "; another program uses it" if error.errno == errno.EADDRINUSE else ""
                raise ConfigurationError(f"port {port} of {what}: {error.strerror}{taken}") from None


def _last_words(settings: Settings) -> str:
    """The last log line of each process that cannot stay up."""
    told = []
    for process in _processes(settings):
        if process["pm2_env"]["status"] == "online" and process["pm2_env"]["restart_time"] == 0:
            continue
        log = Path(process["pm2_env"]["pm_out_log_path"])
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        last = next((line for line in reversed(lines) if line.strip()), "no log")
        told.append(f"\n  {process['name']}: {last[-300:]}")
    return "".join(told)


def _start(settings: Settings) -> bool:
    """Start or restart what needs it; False where everything already runs as configured."""
    fingerprint = _fingerprint(settings)
    stored = settings.var_dir / "up.fingerprint"
    processes = _processes(settings)
    wanted = {"frontdesk-backend", "frontdesk-agents", *map(_connector_name, settings.accounts)}
    for name in sorted({process["name"] for process in processes} - wanted):
        # An account that is not in the settings any more; its link stays on disk.
        _pm2(settings, "delete", name)
    running = {process["name"] for process in processes} == wanted and all(
        process["pm2_env"]["status"] == "online" for process in processes
    )
    if running and stored.exists() and stored.read_text() == fingerprint:
        return False
    _pm2(settings, "startOrRestart", str(ECOSYSTEM), "--update-env")
    stored.write_text(fingerprint)
    return True


def _connector_name(account: str) -> str:
    return "frontdesk-connector" if account == MAIN_ACCOUNT else f"frontdesk-connector-{account}"


def _fingerprint(settings: Settings) -> str:
    """A digest of everything that a running desk was started with: code, settings, facts, agents."""
    digest = hashlib.sha256()
    paths = [ROOT / ".env", settings.business_file, ECOSYSTEM, *settings.agents_dir.rglob("*")]
    paths += (ROOT / "ai-backend" / "frontdesk").rglob("*")
    paths += (ROOT / "connector-node" / "src").rglob("*")
    paths.append(ROOT / "connector-node" / "package-lock.json")
    for path in sorted(path for path in paths if path.is_file() and path.suffix != ".pyc"):
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()


async def _health(settings: Settings) -> dict[str, Any] | None:
    """What the backend says of itself, or None while it says nothing."""
    url = f"http://{settings.backend_host}:{settings.backend_port}/health"
    headers = {"authorization": f"Bearer {settings.api_token}"}
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, headers=headers) as response:
            document: dict[str, Any] = await response.json()
            return document
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


async def _until_healthy(settings: Settings) -> dict[str, Any]:
    started = time.monotonic()
    told: str | None = None
    while True:
        health = await _health(settings)
        missing = _missing(health)
        elapsed = time.monotonic() - started
        if health is not None and (missing is None or (missing.startswith("WhatsApp") and elapsed > QR_PATIENCE_S)):
            return health
        if elapsed > HEALTH_PATIENCE_S:
            reason = f"still waiting for {missing} after {HEALTH_PATIENCE_S} s; see: make logs"
            raise UnavailableError(reason + _last_words(settings))
        if missing != told:
            _say(f"waiting for {missing}")
            told = missing
        await asyncio.sleep(0.3)


def _missing(health: dict[str, Any] | None) -> str | None:
    if health is None:
        return "the backend"
    if health.get("status") != "ok":
        return "the database"
    if "agents" not in health:
        return "the backend (another program answers at its port, or with another token)"
    asleep = [name for name, state in health["agents"].items() if state != "up"]
    if asleep:
        return f"the agents ({', '.join(asleep)})"
    states = [link["state"] for link in health["connectors"]]
    if "AWAY" in states:
        return "the connector"
    return None if SETTLED.issuperset(states) else "WhatsApp Web to load"


async def _report(settings: Settings, health: dict[str, Any]) -> None:
    connections = await _connections(settings)
    page = settings.public_url or f"http://{settings.backend_host}:{settings.backend_port}"
    entrance = await _setup_link(settings)
    rows = [
        ("begin here", page.rstrip("/") + entrance) if entrance else ("page", page),
        ("database", _database_line(health)),
        ("analyser", (health.get("analyser") or {}).get("name", "unknown")),
        *((_name_of(link, connections), _connection_line(link)) for link in connections),
    ]
    for link in connections:
        if link.qr:
            show_code(link.qr, None if len(connections) == 1 else link.account)
    for name, value in rows:
        click.echo(f"  {name:11} {value}")


async def _setup_link(settings: Settings) -> str | None:
    """The one-time link by which the first person comes in, while nobody has."""
    with contextlib.suppress(UnavailableError):
        async with opened(settings) as database:
            if not await access.is_set_up(database):
                secret = new_secret()
                await access.invite(database, digest_of(secret), person_id=None, now=database.now())
                return f"/setup?token={secret}"
    return None


def _database_line(health: dict[str, Any]) -> str:
    database = health.get("database") or {}
    reachable = "" if database.get("reachable", True) else " — CANNOT BE REACHED"
    return f"{database.get('store', 'unknown: the backend does not answer')}{reachable}"


async def _connections(settings: Settings) -> list[ConnectorStatus]:
    connectors = Connectors(settings.connector_urls, token=settings.connector_token)
    try:
        return await connectors.statuses()
    finally:
        await connectors.close()


def show_code(code: str, account: str | None) -> None:
    """Draw a QR code in the terminal, and say what to do with it."""
    click.echo(f"\n  {account}" if account else "")
    segno.make(code, error="l").terminal(compact=True)
    click.echo(
        "  Scan it: WhatsApp → Settings → Linked devices → Link a device. The page shows it, too, and renews it.\n"
    )


def _name_of(link: ConnectorStatus, connections: list[ConnectorStatus]) -> str:
    return "WhatsApp" if len(connections) == 1 else link.account


def _connection_line(link: ConnectorStatus) -> str:
    words = {
        "WORKING": f"linked{' as ' + link.me if link.me else ''}",
        "SCAN_QR_CODE": "waiting for the scan of the code above",
        "DISCONNECTED": "not connected, it is tried again",
        "FAILED": "not linked; `frontdesk link` shows a new code",
        "AWAY": "the connector is not running",
    }
    reason = f" ({link.reason})" if link.reason else ""
    return words.get(link.state, link.state.lower()) + reason
