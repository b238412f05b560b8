"""Words by which customers tell the desk itself something, and quiet hours of people."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from frontdesk.domain.business import Business
from frontdesk.domain.commands import WORDS, Commands
from frontdesk.domain.people import Person
from frontdesk.domain.ports import Subject
from frontdesk.triage.rules import judge


@pytest.mark.parametrize(
    ("text", "command", "language"),
    [
        ("/stop", "stop", None),
        (" /SIL ", "delete", "tr"),
        ("/löschen!", "delete", "de"),
        ("/sifirla", "reset", "tr"),
        ("/حذف", "delete", "ar"),
    ],
)
def test_a_command_is_a_word_of_any_language(text: str, command: str, language: str | None) -> None:
    """However it is typed."""
    word = Commands(WORDS).find(text)
    assert word is not None
    assert (word.command, word.language) == (command, language)


@pytest.mark.parametrize("text", ["/stop calling me", "stop", "", "/", "please /delete"])
def test_a_message_that_says_more_is_no_command(text: str) -> None:
    """It is a message."""
    assert Commands(WORDS).find(text) is None


def test_words_are_shown_in_the_customers_language() -> None:
    """Or in the one that everybody may use."""
    commands = Commands(WORDS)
    assert (commands.word_for("confirm", "tr"), commands.word_for("confirm", "ta")) == ("/evet", "/yes")
    assert Commands("none").find("/stop") is None
    for wrong in ("dance=/dance", "stop=", "stop=/x;start=/x"):
        with pytest.raises(ValueError, match="command"):
            Commands(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "I want to talk to a real person", "Bir insanla konuşmak istiyorum", "Kann ich bitte mit einem Menschen sprechen?",
        "Quiero hablar con una persona", "Vorrei parlare con un operatore", "Quero falar com um atendente",
        "Je veux parler à quelqu'un", "Позовите оператора", "أريد التحدث مع موظف", "kisi insaan se baat karni hai", "ஒருவரிடம் பேச வேண்டும்",
    ],
)  # fmt: skip
def test_who_asks_for_a_person_is_understood_in_each_language(text: str) -> None:
    """Without a model, too."""
    assert judge(Subject(text=text), Business(name="x")).values["wants_person"]


@pytest.mark.parametrize(
    "text", ["How much is it?", "Mein Fahrrad ist kaputt", "Teşekkürler!", "I met a person at your shop"]
)
def test_who_does_not_ask_for_one_is_not_taken_to(text: str) -> None:
    """Not everybody who mentions somebody."""
    assert not judge(Subject(text=text), Business(name="x")).values["wants_person"]


@pytest.mark.parametrize(
    ("quiet", "at", "then"),
    [
        (None, "2026-03-02T23:00", "2026-03-02T23:00"),
        ("22:00-07:00", "2026-03-02T21:59", "2026-03-02T21:59"),
        ("22:00-07:00", "2026-03-02T23:00", "2026-03-03T07:00"),
        ("22:00-07:00", "2026-03-03T06:59", "2026-03-03T07:00"),
        ("22:00-07:00", "2026-03-03T07:00", "2026-03-03T07:00"),
        ("12:00-14:00", "2026-03-02T13:00", "2026-03-02T14:00"),
        # The night in which the clocks go forward, 2 to 3 o'clock.
        ("22:00-02:30", "2026-03-29T01:00", "2026-03-29T03:30"),
    ],
)
def test_people_are_left_alone_in_their_quiet_hours(quiet: str | None, at: str, then: str) -> None:
    """By their own clock."""
    zone = ZoneInfo("Europe/Berlin")
    person = Person(
        id=1, name="Bo", email=None, phone=None, is_available=True, alerts=(), quiet=quiet, created_at=datetime.now(UTC)
    )
    moment, wanted = (datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) for text in (at, then))
    assert person.reachable_at(moment, zone) == wanted
