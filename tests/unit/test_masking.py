"""What identifies somebody is replaced, found again, and nothing else is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.model.masking import Mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to ada.l+x@mail.example.org, please", "write to [EMAIL_1], please"),
        ("call +1 555 010 0111 or +15550100111.", "call [PHONE_1] or [PHONE_2]."),
        ("0532 555 01 11", "[PHONE_1]"), ("pay to DE89 3704 0044 0532 0130 00!", "pay to [IBAN_1]!"),
        ("my card 4111 1111 1111 1111", "my card [CARD_1]"), ("a@b.example and a@b.example", "[EMAIL_1] and [EMAIL_1]"),
        ("order 2291, 20 chairs, 75.50 EUR on 31.12.2026", "order 2291, 20 chairs, 75.50 EUR on 31.12.2026"),
        ("DE88 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"), ("4111 1111 1111 1112", "4111 1111 1111 1112"),
        ("fill in [PHONE_1] for me", "fill in (PHONE_1] for me"),
    ],
)  # fmt: skip
def test_what_identifies_somebody_is_replaced(text: str, masked: str) -> None:
    """By their check digits where they have some; the same is the same; order numbers stay."""
    assert Mask().masked(text) == masked


def test_an_answer_gets_the_values_back() -> None:
    """Wherever they stand in it; a place that was never given out stays."""
    mask = Mask("TR")
    mask.masked("0532 555 01 11 and a@b.example")
    assert mask.restored({"reply": "We call [PHONE_1].", "actions": [{"text": "[EMAIL_1] [EMAIL_9]"}], "number": 3}) == {
        "reply": "We call 0532 555 01 11.", "actions": [{"text": "a@b.example [EMAIL_9]"}], "number": 3,
    }  # fmt: skip


_PARTS = st.sampled_from(
    [
        "+1 555 010 0111",
        "a@b.example",
        "DE89 3704 0044 0532 0130 00",
        "4111111111111111",
        "0532 555 01 11",
        "hi",
        "2291",
    ]
)


@given(st.text() | st.lists(_PARTS).map(" ".join))
def test_any_text_comes_back(text: str) -> None:
    """Masked and restored it is what it was."""
    mask = Mask()
    assert mask.restored(mask.masked(text)) == text
