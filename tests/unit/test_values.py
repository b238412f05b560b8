"""Small rules that much depends on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.desk import SECRETS

from frontdesk.agentkit.answering import answer_by_rules
from frontdesk.config.business import load_business
from frontdesk.config.manifests import load_manifests
from frontdesk.domain.agents import AgentRequest
from frontdesk.domain.analysis import blank
from frontdesk.domain.contacts import Identity, identities_of, normalise_phone, parse_identity
from frontdesk.domain.errors import BreakerOpenError, ConfigurationError, UnavailableError
from frontdesk.domain.messages import HistoryItem, check_time, history_digests
from frontdesk.domain.text import repair, repair_all, shorten
from frontdesk.logs import REDACTED, redact, told
from frontdesk.model.prices import price_table
from frontdesk.settings import ROOT, load_settings
from frontdesk.triage.policy import conclude, priority_of
from frontdesk.web.api.reading import percentiles
from frontdesk.web.api.webhook import patience
from frontdesk.wire.breaker import Breaker

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUSINESS = load_business(ROOT / "business.example.toml")


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("+1 555 010 0111", None, "+15550100111"), ("15550100111", None, "+15550100111"), ("0015550100111", None, "+15550100111"),
        ("0532 555 01 11", "TR", "+905325550111"), ("0532 555 01 11", None, None), ("Ada", None, None), ("", None, None),
        ("+1", None, None), ("1" * 30, None, None),
    ],
)  # fmt: skip
def test_phone_numbers_are_read_as_people_write_them(written: str, region: str | None, number: str | None) -> None:
    """One number, one identity."""
    assert normalise_phone(written, region=region) == number


def test_a_lid_is_a_lid_wherever_it_stands() -> None:
    """Its digits look like a number."""
    lid = Identity(kind="lid", value="122999491567856")
    assert identities_of(phone_number="122999491567856@lid", sender_id=None) == (lid,)
    assert identities_of(phone_number=None, sender_id="122999491567856@lid", lid="122999491567856") == (lid,)
    assert parse_identity("lid:122999491567856") == lid


def test_the_strongest_identity_comes_first() -> None:
    """A contact is found by its phone number before its LID."""
    found = identities_of(phone_number="+15550100111", sender_id="122999491567856@lid")
    assert [identity.kind for identity in found] == ["phone", "lid"]


def test_surrogates_are_repaired_and_pairs_kept() -> None:
    """Two escapes can be one character."""
    assert repair("a\ud83d\ude00b") == ("a😀b", True)
    assert repair("a\ud800b\x00") == ("a\ufffdb\ufffd", True)
    assert repair("plain") == ("plain", False)
    assert repair_all({"k\x00": ["\ud800", 1, None]}) == ({"k\ufffd": ["\ufffd", 1, None]}, True)


def test_shortening_ends_at_a_word() -> None:
    """And says that it did."""
    assert shorten("one two three four", 12) == "one two…"
    assert shorten("a\n b", 12) == "a b"
    assert len(shorten("x" * 100, 10)) == 10


@pytest.mark.parametrize(
    ("moment", "is_fine"),
    [
        (NOW, True), (NOW + timedelta(hours=20), True), (NOW + timedelta(days=2), False), (datetime(2008, 1, 1, tzinfo=UTC), False),
        (NOW.replace(tzinfo=None), False),
    ],
)  # fmt: skip
def test_times_are_checked(moment: datetime, *, is_fine: bool) -> None:
    """Naive and absurd ones are refused."""
    assert (check_time(moment, now=NOW) is None) is is_fine


def test_equal_items_have_different_digests_and_the_same_window_the_same() -> None:
    """A window that moves on keeps the digests of what stays."""
    items = tuple(HistoryItem(sender="a", content=text, sent_at=NOW) for text in ("ok", "ok", "b"))
    digests = history_digests(items)
    assert len(set(digests)) == 3
    assert history_digests(items) == digests
    assert history_digests(items[2:])[0] == digests[2]
    assert history_digests((HistoryItem(sender="a1", content="", sent_at=NOW),)) != history_digests(
        (HistoryItem(sender="a", content="1", sent_at=NOW),)
    )


@pytest.mark.parametrize(
    ("urgency", "priority"),
    [(10, "critical"), (9, "critical"), (8, "high"), (7, "high"), (6, "normal"), (4, "normal"), (3, "low"), (1, "low")],
)
def test_priority_follows_from_urgency(urgency: int, priority: str) -> None:
    """A table that people rely on."""
    assert priority_of(urgency) == priority


def test_the_important_are_raised_by_three_up_to_ten_and_always_critical() -> None:
    """After every analyser."""
    for urgency, raised in ((1, 4), (8, 10), (10, 10)):
        analysis = conclude(blank() | {"urgency_score": urgency}, {}, analyser="x", is_important=True)
        assert (analysis.urgency_score, analysis.priority_level) == (raised, "critical")
        assert analysis.recommended_response_time == "immediate"


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ([], (25, None)), (["wait=7"], (7, "wait=7")), (["wait=9999"], (60, "wait=60")), (["respond-async"], (0, "respond-async")),
        (["respond-async, wait=5"], (5, "respond-async")), (["wait=x", "foo"], (25, None)), (["Wait = 3"], (3, "wait=3")),
    ],
)  # fmt: skip
def test_the_callers_patience_is_read(prefer: list[str], expected: tuple[float, str | None]) -> None:
    """RFC 7240."""
    assert patience(prefer, default_s=25, longest_s=60) == expected


def test_a_breaker_opens_probes_and_closes() -> None:
    """Left alone, tried with one call, trusted again."""
    time = [0.0]
    breaker = Breaker("it", failures=2, pause_s=10, clock=lambda: time[0])
    for _ in range(2):
        breaker.enter()
        breaker.failed()
    with pytest.raises(BreakerOpenError):
        breaker.enter()
    time[0] = 11
    breaker.enter()
    with pytest.raises(BreakerOpenError):
        breaker.enter()
    breaker.failed()
    with pytest.raises(BreakerOpenError):
        breaker.enter()
    time[0] = 22
    breaker.enter()
    breaker.succeeded()
    breaker.enter()


def test_a_service_that_says_when_to_come_back_is_believed() -> None:
    """429 with Retry-After."""
    time = [0.0]
    breaker = Breaker("it", failures=5, pause_s=1, clock=lambda: time[0])
    breaker.enter()
    breaker.failed(retry_after_s=30)
    time[0] = 29
    assert breaker.is_open


def test_a_cancelled_probe_does_not_leave_the_breaker_open_for_ever() -> None:
    """Nobody would ever call again."""
    time = [0.0]
    breaker = Breaker("it", failures=1, pause_s=1, clock=lambda: time[0])
    breaker.enter()
    breaker.failed()
    time[0] = 2
    breaker.enter()
    breaker.abandoned()
    breaker.enter()


def test_percentiles_of_nothing_are_nothing() -> None:
    """A desk without messages has no response time."""
    assert percentiles([]) == {"p50": None, "p90": None, "p99": None}
    assert percentiles([2.0])["p99"] == 2.0
    assert percentiles([1.0, 2.0, 3.0])["p50"] == 2.0


def test_settings_name_what_is_wrong_and_never_show_it(tmp_path: Path) -> None:
    """A secret in the wrong place is not printed."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path / "none", **{**SECRETS, "api_token": "hunter2", "backend_port": "hunter2"})
    assert "API_TOKEN" in str(caught.value)
    assert "BACKEND_PORT" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_empty_secret_stops_the_start(tmp_path: Path) -> None:
    """Fail closed."""
    with pytest.raises(ConfigurationError, match="WEBHOOK_SECRET"):
        load_settings(tmp_path / "none", **{**SECRETS, "webhook_secret": ""})


def test_a_password_with_every_character_makes_a_url(tmp_path: Path) -> None:
    """People have @ and / in passwords."""
    settings = load_settings(tmp_path / "none", **SECRETS, db_host="db", db_password="p@ss/w:rd%")
    assert settings.store_url == "mysql+aiomysql://frontdesk:p%40ss%2Fw%3Ard%25@db:3306/frontdesk"


def test_prices_can_be_overridden() -> None:
    """Providers change them."""
    table = price_table("my-model=1/0.5/2")
    assert table["my-model"].cost_micro_usd(input_tokens=100, cached_tokens=40, output_tokens=10) == 60 + 20 + 20
    with pytest.raises(ConfigurationError):
        price_table("my-model=cheap")


def test_a_logged_error_tells_where_it_was_and_quotes_nobody() -> None:
    """What a customer wrote stands in the texts of many errors."""
    written = "my name is Ada"
    try:
        try:
            int(written)
        except ValueError as error:
            raise UnavailableError("the store is away") from error
    except UnavailableError as error:
        text = told((type(error), error, error.__traceback__))
    assert written not in text
    assert "ValueError: [redacted]" in text
    assert "the store is away" in text
    assert "test_values.py" in text


def test_errors_that_cause_each_other_are_told_once() -> None:
    """Libraries that raise again what they have caught make such circles."""
    one, other = ValueError("one"), KeyError("other")
    one.__context__, other.__context__ = other, one
    assert told((ValueError, one, None)) == "ValueError: [redacted]\nKeyError: [redacted]"


def test_logs_hide_what_people_wrote() -> None:
    """A last line of defence."""
    assert redact(None, "info", {"event": "x", "text": "secret", "Phone_Number": "1"}) == {
        "event": "x", "text": REDACTED, "Phone_Number": REDACTED,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("name = 7", "name"), ("", "name"), ("name = 'x'\n[hours]\nfunday = '9-5'", "funday"), ("name = 'x'\ntimezone = 'Istanbul'", "timezone: must be"), ("name = 'x'\n[hours]\nmonday = 'nine'", "monday"), ("name = 'x'\ncolour = 'red'", "colour"),
        ("name = ", "not TOML"), ("name = 'x'\n[[offers]]\nprice = '1'", "offers.1.name: is missing"), ("name = 'x'\n[[offers]]\nname = 'y'\nprize = '1'", "did you mean price"),
    ],
)  # fmt: skip
def test_a_wrong_business_file_is_named(tmp_path: Path, content: str, named: str) -> None:
    """It is edited by people."""
    path = tmp_path / "business.toml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=named.replace(".", r"\.")):
        load_business(path)


def test_two_agents_cannot_share_a_port(tmp_path: Path) -> None:
    """One of them would never answer."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "agent.toml").write_text('title = "x"\ndescription = "x"\nport = 9000\n')
    with pytest.raises(ConfigurationError, match="9000"):
        load_manifests(tmp_path)


@pytest.mark.parametrize("language", ["en", "tr", "de", "es", "it", "pt", "fr", "ru", "ar", "hi", "ta", "und"])
@pytest.mark.parametrize("category", ["sales", "support", "complaint", "inquiry", "technical", "general"])
def test_an_answer_without_a_model_is_about_this_message_of_this_shop(language: str, category: str) -> None:
    """An answer that would suit any message of any shop counts as none."""
    analysis = conclude(
        blank() | {"category": category, "language": language}, {"category": 0.9}, analyser="rules", is_important=False
    )
    reply = answer_by_rules(
        "x",
        AgentRequest(idempotency_key="k", agent="x", message="puncture on my red bike", analysis=analysis),
        BUSINESS,
    ).reply
    assert BUSINESS.name in reply
    assert "15 EUR" in reply or "red bike" in reply
    assert "{" not in reply


def test_opening_hours_are_told_in_runs() -> None:
    """Tuesday to Friday is one line."""
    assert BUSINESS.hours_line() == "mon closed, tue–fri 09:00-18:00, sat 10:00-16:00, sun closed"
