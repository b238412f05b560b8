"""The reasons that are stored with drafts and routes are told in the reader's language."""

from datetime import UTC, datetime, timedelta
from gettext import NullTranslations

from hypothesis import given
from hypothesis import strategies as any_of

from frontdesk.domain.agents import AgentReply, HandOff
from frontdesk.domain.analysis import blank
from frontdesk.domain.replies import Bot, Dialogue, Limits, ReplyMode, decide
from frontdesk.triage.policy import conclude
from frontdesk.web.pages.languages import translations
from frontdesk.web.pages.sayings import SAYINGS, spoken

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TURKISH = translations("tr")


@given(
    mode=any_of.sampled_from(("suggest", "auto")), confidence=any_of.floats(0, 1), text=any_of.sampled_from(("", "Yes.")),
    urgency=any_of.integers(1, 10), feels=any_of.sampled_from(("neutral", "negative")), flags=any_of.tuples(*[any_of.booleans()] * 5),
    sent=any_of.sampled_from((0, 99)),
)  # fmt: skip
def test_whatever_is_decided_is_told_in_turkish(
    mode: ReplyMode, confidence: float, text: str, urgency: int, feels: str, flags: tuple[bool, ...], sent: int
) -> None:
    """Each reason that the desk can have for what becomes of an answer."""
    is_group, is_stopped, wants_person, is_awaited, is_with_person = flags
    values = blank() | {"urgency_score": urgency, "sentiment": feels, "wants_person": wants_person}
    verdict = decide(
        AgentReply(
            agent="sales", reply=text, confidence=confidence, answered_by="rules",
            actions=(HandOff(type="hand_off", reason="it is about money"),) if urgency == 2 else (),
        ),
        analysis=conclude(values, {}, analyser="rules", is_important=False),
        dialogue=Dialogue(
            conversation_id=1, account="main", mode=mode, is_group=is_group, is_stopped=is_stopped, bot=Bot(account="main"),
            person_wrote_at=NOW - timedelta(minutes=1) if is_with_person else None,
        ),
        limits=Limits(), is_important=False, sent_within_hour=sent, is_awaited=is_awaited, now=NOW,
    )  # fmt: skip
    assert spoken(verdict.reason, TURKISH, {}) != verdict.reason
    assert spoken(verdict.reason, NullTranslations(), {}) == verdict.reason


def test_what_is_filled_in_stays_and_parts_are_told_each() -> None:
    """Numbers and words of others; a category and an agent as the page calls them, and a reason within a reason."""
    told = spoken(
        "category support of sales; sales failed: it took too long; the hub took over", TURKISH, {"sales": "Satış"}
    )
    assert told == "Destek kategorisi Satış asistanının; Satış yanıt veremedi: it took too long; merkez devraldı"
    why = spoken("the agent asks for a person: complaint, urgency 8", TURKISH, {})
    assert why.endswith(": Şikâyet, aciliyet 8")
    assert spoken("category support of sales", NullTranslations(), {"sales": "Sales"}) == "category Support of Sales"
    assert spoken("something new; rule 3 at position 10", TURKISH, {}) == "something new; 10. sıradaki 3 numaralı kural"
    assert spoken(None, TURKISH, {}) == ""
    assert len(set(SAYINGS)) == len(SAYINGS)
