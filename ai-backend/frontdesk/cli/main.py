"""``frontdesk``: one command, a module a task."""

import os
import sys
from collections.abc import Coroutine
from typing import Any

import click

from frontdesk import __version__
from frontdesk.cli import (
    agents,
    check,
    contact,
    db,
    evaluate,
    import_chat,
    people,
    privacy,
    retry,
    rules,
    search,
    send,
    serve,
    task,
    up,
    vip,
    waiting,
)
from frontdesk.domain.errors import FrontdeskError

try:
    from uvloop import run
except ImportError:  # there is none for Windows
    from asyncio import run  # type: ignore[assignment]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="frontdesk")
def cli() -> None:
    """Frontdesk: a self-hosted AI front desk for WhatsApp."""


def main() -> None:
    """Run the command line; an error of ours is one line and exit status 1."""
    try:
        result = cli(standalone_mode=False)
        if isinstance(result, Coroutine):
            result = run(result)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except FrontdeskError as error:
        click.echo(f"frontdesk: {error.detail}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has seen enough; Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    sys.exit(result if isinstance(result, int) else 0)


_COMMANDS: tuple[Any, ...] = (
    serve.serve, serve.worker, agents.agents, retry.retry, send.send, vip.vip, rules.rule, check.check, db.db, evaluate.evaluate, evaluate.replay_stored,
    up.up, up.down, up.status, waiting.waiting, contact.contact, people.people, people.drafts, people.mode, task.task, import_chat.import_chat, privacy.export, privacy.forget, search.search,
)  # fmt: skip
for _command in _COMMANDS:
    cli.add_command(_command)
