"""WhatsApp's chat exports, as phones of many countries write them."""

import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.channels.whatsapp_export import NOTICES, attached, read_export
from frontdesk.domain.errors import InvalidInputError

ZONE = ZoneInfo("Europe/Istanbul")
LRM, NNBSP = "\u200e", "\u202f"


def written(directory: Path, *lines: str, name: str = "WhatsApp Chat with Ada.txt") -> Path:
    """An export's text."""
    path = directory / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("12/31/23, 9:41 PM - Ada: one", "1/2/24, 8:05 AM - Ada: two"),
        (f"12/31/23, 9:41{NNBSP}PM - Ada: one", f"1/2/24, 8:05{NNBSP}AM - Ada: two"),
        ("31/12/2023, 21:41 - Ada: one", "02/01/2024, 08:05 - Ada: two"),
        ("31.12.23, 21:41 - Ada: one", "02.01.24, 08:05 - Ada: two"),
        ("31.12.2023 21:41 - Ada: one", "2.01.2024 08:05 - Ada: two"),
        ("31.12.2023 ÖS 9:41 - Ada: one", "2.01.2024 ÖÖ 8:05 - Ada: two"),
        ("2023-12-31, 9:41 p.m. - Ada: one", "2024-01-02, 8:05 a.m. - Ada: two"),
        ("31/12/23, 9:41 p. m. - Ada: one", "2/1/24, 8:05 a. m. - Ada: two"),
        ("31-12-2023 21:41 - Ada: one", "02-01-2024 08:05 - Ada: two"),
        ("2023/12/31 21:41 - Ada: one", "2024/01/02 8:05 - Ada: two"),
        ("2023년 12월 31일 오후 9:41 - Ada: one", "2024년 1월 2일 오전 8:05 - Ada: two"),
        ("31/12/2023، 9:41 م - Ada: one", "02/01/2024، 8:05 ص - Ada: two"),
        ("٣١\u200f/١٢\u200f/٢٠٢٣، ٩:٤١ م - Ada: one", "٢\u200f/١\u200f/٢٠٢٤، ٨:٠٥ ص - Ada: two"),
        ("31/12/2023 à 21:41 - Ada: one", "02/01/2024 à 08:05 - Ada: two"),
        ("[31.12.2023 klo 21.41.00] Ada: one", "[2.1.2024 klo 8.05.00] Ada: two"),
        ("31.12.2023 kl. 21:41 - Ada: one", "02.01.2024 kl. 08:05 - Ada: two"),
        ("31.12.2023 г., 21:41 ч. - Ada: one", "2.01.2024 г., 8:05 ч. - Ada: two"),
        ("31/12/2566 21:41 - Ada: one", "2/1/2567 08:05 - Ada: two"),
        ("٣١/١٢/٢٠٢٣, ٩:٤١ م - Ada: one", "٢/١/٢٠٢٤, ٨:٠٥ ص - Ada: two"),
        ("[31/12/2023, 21:41:00] Ada: one", "[02/01/2024, 08:05:00] Ada: two"),
        ("[12/31/23, 9:41:00 PM] Ada: one", f"{LRM}[1/2/24, 8:05:00{NNBSP}AM] Ada: two"),
        ("[31.12.23, 21:41:00] Ada: one", "[02.01.24, 08:05:00] ~ Ada: two"),
    ],
)  # fmt: skip
def test_dates_of_every_locale_are_read(tmp_path: Path, first: str, second: str) -> None:
    """12 and 24 hours, each order and each separator, Android and iOS."""
    export = read_export(written(tmp_path, first, second), zone=ZONE)
    assert [(message.at.replace(tzinfo=None).isoformat(), message.sender, message.text) for message in export.messages] == [
        ("2023-12-31T21:41:00", "Ada", "one"), ("2024-01-02T08:05:00", "Ada", "two")
    ]  # fmt: skip
    assert export.messages[0].at.tzinfo is ZONE
    assert export.is_certain


@pytest.mark.parametrize(
    ("lines", "order"),
    [
        (("01/02/24, 10:00 - A: x", "05/02/24, 10:00 - A: x", "02/03/24, 10:00 - A: x"), "dmy"),
        (("01/02/24, 10:00 - A: x", "02/01/24, 10:00 - A: x", "02/05/24, 10:00 - A: x", "03/01/24, 10:00 - A: x"), "mdy"),
        (("24/02/03, 10:00 - A: x", "24/02/05, 10:00 - A: x", "25/01/01, 10:00 - A: x"), "ymd"),
    ],
)  # fmt: skip
def test_a_date_that_could_be_two_is_read_so_that_the_chat_goes_forward(
    tmp_path: Path, lines: tuple[str, ...], order: str
) -> None:
    """No part is above 12 to tell."""
    assert read_export(written(tmp_path, *lines), zone=ZONE).order == order


def test_who_knows_better_says_how_dates_are_meant(tmp_path: Path) -> None:
    """One line alone cannot tell, and says so."""
    path = written(tmp_path, "01/02/24, 10:00 - A: x")
    assert not read_export(path, zone=ZONE).is_certain
    export = read_export(path, zone=ZONE, order="mdy")
    assert export.messages[0].at.date().isoformat() == "2024-01-02"


def test_a_message_has_as_many_lines_as_it_was_written_in(tmp_path: Path) -> None:
    """Also such as look like something, and none of WhatsApp's own."""
    path = written(
        tmp_path,
        "1/13/24, 9:00 AM - Messages and calls are end-to-end encrypted. No one can read them.",
        "1/13/24, 9:01 AM - Ada Example: Hello:",
        "", "two bikes: 1/13/24", "- and: a bell", "1/13/24, 9:02 AM - +1 (555) 010-0111: me too",
        "1/13/24, 9:03 AM - Ada changed the group's name", "1/13/24, 9:04 AM - Ada Example:",
    )  # fmt: skip
    messages = read_export(path, zone=ZONE).messages
    assert [(message.sender, message.text) for message in messages] == [
        ("Ada Example", "Hello:\n\ntwo bikes: 1/13/24\n- and: a bell"), ("+1 (555) 010-0111", "me too"), ("Ada Example", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "text", "attachment", "has_media"),
    [
        ("<Media omitted>", "", None, True), ("<Medya dahil edilmedi>", "", None, True),
        ("IMG-20240113-WA0001.jpg (file attached)", "", "IMG-20240113-WA0001.jpg", True),
        ("PTT-20240113-WA0002.opus (Datei angehängt)\nlisten", "listen", "PTT-20240113-WA0002.opus", True),
        (f"{LRM}<attached: 00000012-PHOTO-2024.jpg>", "", "00000012-PHOTO-2024.jpg", True),
        (f"{LRM}image omitted", "", None, True),
        ("see you <This message was edited>", "see you", None, False), (f"see you {LRM}<Bu mesaj düzenlendi>", "see you", None, False),
        ("‹附件：00000001-AUDIO-2024.opus>", "", "00000001-AUDIO-2024.opus", True),
        (f"Order.pdf • {LRM}2 pages {LRM}<attached: 00000002-Order.pdf>", "Order.pdf • 2 pages", "00000002-Order.pdf", True),
        ("Is the price for shop.com (the blue one)", "Is the price for shop.com (the blue one)", None, False),
        ("My mail is Ada <ada@example.com>", "My mail is Ada <ada@example.com>", None, False),
        ("<https://maps.example/abc>", "<https://maps.example/abc>", None, False),
        (f"{LRM}@Lale can you call me today, urgently?", "@Lale can you call me today, urgently?", None, False),
        ("I <3 you", "I <3 you", None, False), ("a file.txt (the other one) is better", "a file.txt (the other one) is better", None, False),
    ],
)  # fmt: skip
def test_what_is_no_text_is_told_from_its_marks(
    tmp_path: Path, body: str, text: str, attachment: str | None, *, has_media: bool
) -> None:
    """In any language of the phone."""
    (message,) = read_export(written(tmp_path, f"13/01/2024, 9:00 - Ada: {body}"), zone=ZONE).messages
    assert (message.text, message.attachment, message.has_media) == (text, attachment, has_media)


@pytest.mark.parametrize(
    "body",
    ["This message was deleted", "Bu mesaj silindi", "null", f"{LRM}This message was deleted.", f"{LRM}Your security code changed.", "Missed voice call"],
)  # fmt: skip
def test_what_whatsapp_says_in_somebodys_name_is_no_message(tmp_path: Path, body: str) -> None:
    """Nobody waits for an answer to it."""
    lines = (
        f"13/01/2024, 9:00 - Ada: {body}",
        "13/01/2024, 9:01 - Ada: hello",
        '13/01/2024, 9:02 - Ada created group "Orders: May"',
    )
    assert [message.text for message in read_export(written(tmp_path, *lines), zone=ZONE).messages] == ["hello"]


def test_dates_are_not_read_into_the_future(tmp_path: Path) -> None:
    """A chat of one day tells no order; what would lie ahead is wrong."""
    now = datetime.now(ZONE)
    day = (now.replace(day=1) - timedelta(days=20)).replace(day=min(now.month % 12 + 1, 12))
    export = read_export(written(tmp_path, f"{day:%m/%d/%y}, 3:05 PM - Ada: x"), zone=ZONE)
    assert export.messages[0].at <= now


def test_who_is_no_contact_is_called_by_the_number(tmp_path: Path) -> None:
    """Between marks that nobody sees."""
    export = read_export(
        written(
            tmp_path,
            "13/01/2024, 9:00 - \u202a+1\u00a0555\u00a00100\u202c: hi",
            name="WhatsApp Chat with +1 555 0100 (1).txt",
        ),
        zone=ZONE,
    )
    assert list(export.senders) == ["+1 555 0100"]
    assert export.title == "+1 555 0100"


def test_an_archive_is_read_with_its_media(tmp_path: Path) -> None:
    """IOS names the text _chat.txt and tells the chat by the archive; a sent text file is not the chat."""
    path = tmp_path / "WhatsApp Chat - Ada.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "x" * 10_000)
        archive.writestr(
            "_chat.txt",
            f"[13/01/2024, 09:00:00] Ada: {LRM}<attached: 1-AUDIO.opus>\r\n[13/01/2024, 09:01:00] Bob: ok\r\n",
        )
        archive.writestr("1-AUDIO.opus", b"sound")
    export = read_export(path, zone=ZONE)
    assert export.name == "WhatsApp Chat - Ada"
    assert export.senders == {"Ada": 1, "Bob": 1}
    assert export.messages[0].attachment == "1-AUDIO.opus"
    assert attached(path, "1-AUDIO.opus", max_bytes=100) == b"sound"
    assert attached(path, "1-AUDIO.opus", max_bytes=4) is None
    assert attached(path, "../x", max_bytes=4) is None


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", b"hello", "no line looks like"), ("a.txt", b"", "no line looks like"), ("a.txt", b"\xff\xfa", "not UTF-8"),
        ("a.zip", b"PK nonsense", "cannot be read"), ("a.txt", b"13/01/2024, 9:00 - You created the group\n", "nobody wrote"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused_in_words(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    """Nothing is guessed from it."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=problem):
        read_export(path, zone=ZONE)


_WORDS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="<>()\u200e\u2028\u2029\x85[]~"),
    min_size=1,
    max_size=30,
)


def _is_said(text: str) -> bool:
    return bool(text) and not text[0].isdigit() and text.casefold().rstrip(".") not in NOTICES


@given(
    texts=st.lists(_WORDS.map(str.strip).filter(_is_said), min_size=2, max_size=20),
    start=st.datetimes(datetime(2015, 1, 1), datetime(2026, 1, 1)),  # noqa: DTZ001
    shape=st.sampled_from(
        ["%d/%m/%Y, %H:%M - ", "%m/%d/%y, %I:%M %p - ", "[%d.%m.%y, %H:%M:%S] ", "%Y-%m-%d, %H:%M - "]
    ),
    step=st.integers(1, 100_000),
)
def test_what_was_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], start: datetime, shape: str, step: int
) -> None:
    """Every text and every moment, to the minute, as long as the days tell the order."""
    moments = [start + timedelta(minutes=step * number) for number in range(len(texts))]
    lines = [f"{moment.strftime(shape)}Ada: {text}" for moment, text in zip(moments, texts, strict=True)]
    order = {"%d": "dmy", "%m": "mdy", "%Y": "ymd"}[shape.lstrip("[")[:2]]
    path = written(tmp_path_factory.mktemp("export"), *lines)
    export = read_export(path, zone=ZONE, order=order)  # type: ignore[arg-type]
    assert [message.at.replace(tzinfo=None, second=0) for message in export.messages] == [
        moment.replace(second=0, microsecond=0) for moment in moments
    ]
    assert [message.text for message in export.messages] == texts
