"""What is typed at the desk, on a store of its own: a chat is read in, worked on, told and forgotten."""

import asyncio
import contextlib
import io
import re
import sys
from pathlib import Path

import pytest
from tests.support.desk import SECRETS

from frontdesk.cli.main import main

CHAT = """\
1/13/26, 9:01 AM - Ada Example: Are you open on Saturday?
1/13/26, 9:21 AM - Lale: From ten to four.
1/14/26, 3:05 PM - Ada Example: My bicycle is broken, please repair it by next Friday at 3pm
"""


class Shell:
    """Runs commands in this process, as typed in a directory with settings of its own."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self._monkeypatch = monkeypatch

    async def run(self, *words: str, status: int = 0, typed: str = "") -> str:
        """Run a command; all that it printed."""
        printed = io.StringIO()
        with self._monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["frontdesk", *words])
            patched.setattr(sys, "stdin", io.StringIO(typed))
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                # In a thread, since a command brings a loop of its own.
                ended = await asyncio.to_thread(_status_of_main)
        assert ended == status, printed.getvalue()
        return printed.getvalue()


def _status_of_main() -> int:
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A directory with an exported chat and a business in Istanbul."""
    (tmp_path / "WhatsApp Chat with Ada Example.txt").write_text(CHAT, encoding="utf-8")
    (tmp_path / "business.toml").write_text('name = "Lale"\ntimezone = "Europe/Istanbul"\n', encoding="utf-8")
    settings = {name.upper(): value for name, value in SECRETS.items()}
    settings |= {
        "FRONTDESK_NO_ENV_FILE": "1",
        "VAR_DIR": str(tmp_path / "var"),
        "BUSINESS_FILE": str(tmp_path / "business.toml"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, monkeypatch)


async def test_a_chat_is_read_in_worked_on_told_and_forgotten(shell: Shell) -> None:
    """Each command says what it did, and the next one sees it."""
    chat = "WhatsApp Chat with Ada Example.txt"
    looked = await shell.run("import", "--dry-run", chat)
    assert "Waits for your answer" in looked
    assert "repair, Fri 2026-01-16 15:00: My bicycle is broken" in looked
    assert "Nothing was stored." in looked
    stored = await shell.run("import", chat, "--phone", "+1 555 010 0111", "--waits-for", "10000")
    assert "Stored: 3 messages." in stored
    waiting = await shell.run("waiting")
    assert "Ada Example" in waiting
    assert "late" in waiting
    assert "2026-01-16 15:00  P3  repair" in await shell.run("task", "list")
    added = await shell.run(
        "task", "add", "Ring Ada", "--due", "2030-01-31", "--type", "call", "--conversation", "1", "--tag", "vip"
    )
    assert added == "task 2: Ring Ada, due 2030-01-31\n"
    assert "no time to come in “sometime”" in await shell.run("task", "add", "x", "--due", "sometime", status=1)
    assert await shell.run("task", "edit", "2", "--due", "none", "--priority", "1") == "task 2: Ring Ada (open)\n"
    assert (
        await shell.run("task", "done", "1")
        == "task 1: My bicycle is broken, please repair it by next Friday at 3pm (done)\n"
    )
    assert "there is no such task" in await shell.run("task", "done", "99", status=1)
    listed = await shell.run("task", "list")
    assert "no date           P1  call" in listed
    assert "bicycle" not in listed
    assert "/tasks.ics?token=" in await shell.run("task", "calendar")
    assert "2 messages of the last 3650 days, 0 of them would be judged otherwise." in await shell.run(
        "replay", "--days", "3650"
    )
    await shell.run("export", "+1 555 010 0111", "--to", "out")
    assert "My bicycle is broken" in (shell.directory / "out" / "contact-1" / "data.txt").read_text(encoding="utf-8")
    await shell.run("forget", "+1 555 010 0111", status=130, typed="n\n")
    assert "3 messages and 0 files are erased" in await shell.run("forget", "+1 555 010 0111", typed="y\n")
    assert "nobody is known by this" in await shell.run("export", "+1 555 010 0111", status=1)
    assert await shell.run("waiting") == "Nobody waits for an answer.\n"


async def test_lists_are_told_to_their_end(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are read at once."""
    monkeypatch.setattr("frontdesk.cli.task.AT_ONCE", 2)
    assert (
        await shell.run("drafts", "list", status=1)
        == "frontdesk: the schema is not there yet; run: frontdesk db migrate\n"
    )
    await shell.run("db", "migrate")
    assert await shell.run("drafts", "list") == "Nothing waits to be sent.\n"
    assert await shell.run("task", "list") == "Nothing is to be done.\n"
    for number in range(5):
        await shell.run("task", "add", f"errand {number}", "--tag", "shop" if number % 2 else "home")
    listed = (await shell.run("task", "list")).splitlines()
    assert [line.split()[-1] for line in listed] == ["0", "1", "2", "3", "4"]
    assert [line.split()[-1] for line in (await shell.run("task", "list", "--tag", "home")).splitlines()] == [
        "0",
        "2",
        "4",
    ]
    assert await shell.run("task", "list", "--type", "call") == "Nothing is to be done.\n"


async def test_what_cannot_be_told_is_asked_for_in_words(shell: Shell) -> None:
    """Names, accounts, numbers and files that are none."""
    (shell.directory / "group.txt").write_text(
        "1/13/26, 9:00 AM - Ada: hi\n1/13/26, 9:01 AM - Bob: hi\n", encoding="utf-8"
    )
    (shell.directory / "letter.txt").write_text("Dear all", encoding="utf-8")
    for words, told in (
        (("group.txt",), "which of them are you? say it with --me NAME; there are “Ada”, “Bob”"),
        (("group.txt", "--me", "Eve"), "nobody called “Eve” wrote in group"),
        (("letter.txt",), "letter.txt: no line looks like a message of a chat export"),
        (("group.txt", "--me", "Ada", "--account", "branch"), "--account: there is no branch; there are main"),
        (("group.txt", "--me", "Ada", "--phone", "12"), "--phone: 12 is no phone number"),
        (("group.txt", "--me", "Ada", "--with-model"), "--with-model needs OPENAI_API_KEY"),
    ):
        assert told in await shell.run("import", "--dry-run", *words, status=1), words


async def test_who_is_locked_out_comes_in_by_the_machine(shell: Shell) -> None:
    """Whoever can read the settings may let somebody in; somebody new is added."""
    await shell.run("db", "migrate")
    for _ in range(2):
        link = await shell.run("people", "invite", "Ada", "--role", "admin")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/setup\?token=[\w-]{43}\n", link)
    assert (await shell.run("people", "list")).count("Ada") == 1


async def test_one_odd_file_of_many_does_not_keep_the_others_out(shell: Shell) -> None:
    """It is named at the end; a chat in which only the customer wrote is none."""
    (shell.directory / "letter.txt").write_text("Dear all", encoding="utf-8")
    (shell.directory / "alone.txt").write_text(
        "16/01/2026, 14:00 - Noor Example: Do you have tandems?\n", encoding="utf-8"
    )
    told = await shell.run(
        "import",
        "letter.txt",
        "WhatsApp Chat with Ada Example.txt",
        "alone.txt",
        "--me",
        "Lale",
        "--phone",
        "+1 555 010 0111",
        status=1,
    )
    assert "Left out: letter.txt: no line looks like a message" in told
    assert "Stored: 3 messages." in told
    assert "Stored: 1 messages." in told


async def test_of_many_files_each_has_a_line(shell: Shell) -> None:
    """And what became of all of them stands at the end."""
    names = [f"{number}.txt" for number in range(6)]
    for name in names:
        text = f"16/01/2026, 14:00 - Noor {name} Example: Do you have tandems?\n"
        (shell.directory / name).write_text(text, encoding="utf-8")
    told = (await shell.run("import", "--dry-run", *names, "--me", "Lale")).splitlines()
    assert told[0] == "Noor 0.txt Example: 1 messages, 0 of them new, waits for your answer: Do you have tandems?"
    assert len(told) == 9
    assert told[7] == "6 chats, 6 messages"


async def test_files_of_one_phone_write_their_dates_alike(shell: Shell) -> None:
    """What one file leaves open another one tells; and at the end stands what became of all of them."""
    (shell.directory / "open.txt").write_text(
        "11/6/26, 9:00 AM - Noor Example: Do you have tandems?\n", encoding="utf-8"
    )
    (shell.directory / "certain.txt").write_text("10/31/26, 9:00 AM - Ada Example: Hello\n", encoding="utf-8")
    alone = await shell.run("import", "--dry-run", "open.txt", "--me", "Lale")
    assert "if that is wrong, say --dates" in alone
    told = await shell.run("import", "open.txt", "certain.txt", "--me", "Lale")
    assert "messages from 2026-11-06 to 2026-11-06" in told
    assert "--dates" not in told
    assert "2 chats, 2 messages" in told
    assert "Stored: 2 messages. Chats that end without an answer of yours: 1." in told
    assert "Stored: nothing." in await shell.run("import", "--dry-run", "open.txt", "certain.txt", "--me", "Lale")
    old = await shell.run("import", "WhatsApp Chat with Ada Example.txt", "--me", "Lale")
    assert "Not answered for more than 30 days, and so not among those who wait:" in old


async def test_a_chat_from_a_file_gets_its_number_on_the_command_line(shell: Shell) -> None:
    """What is no number, or another's, is said; unless the two are one."""
    await shell.run("import", "WhatsApp Chat with Ada Example.txt", "--me", "Lale")
    (shell.directory / "Ben.txt").write_text("10/31/26, 9:00 AM - Ben Example: Hello\n", encoding="utf-8")
    await shell.run("import", "Ben.txt", "--me", "Lale", "--phone", "+1 555 010 0111")
    ada = "export:Ada Example"
    assert "0555 is no phone number" in await shell.run("contact", "number", ada, "0555", status=1)
    assert "number of Ben Example" in await shell.run("contact", "number", ada, "+15550100111", status=1)
    told = await shell.run("contact", "number", ada, "+1 555 010 0111", "--merge")
    assert told == "export:Ada Example is reached at +15550100111.\n"
    assert "export:Ben Example" in await shell.run("contact", "show", "+15550100111")
