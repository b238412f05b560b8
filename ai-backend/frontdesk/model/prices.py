"""What models cost, in US dollars per million tokens. Source: the providers' price lists as of November 2026."""

from dataclasses import dataclass

from frontdesk.domain.errors import ConfigurationError
from frontdesk.domain.text import listed


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens of input, of input read from the cache, and of output."""

    input: float
    cached: float
    output: float

    def cost_micro_usd(self, *, input_tokens: int, cached_tokens: int, output_tokens: int) -> int:
        """The cost of a call in millionths of a dollar: dollars per million tokens times tokens."""
        fresh = max(input_tokens - cached_tokens, 0)
        return round(fresh * self.input + cached_tokens * self.cached + output_tokens * self.output)


PRICES: dict[str, Price] = {
    "gpt-6-luna": Price(0.10, 0.01, 0.50),
    "gpt-6.1-terra": Price(1.00, 0.10, 5.00),
}
UNKNOWN = Price(1.00, 1.00, 5.00)
"""For models without a price here: rather too dear than a surprise. ``MODEL_PRICES`` overrides it."""


def price_table(overrides: str) -> dict[str, Price]:
    """:data:`PRICES` with the operator's own, written as ``model=input/cached/output, …``.

    Raises:
        ConfigurationError: an entry is not of that form.
    """
    table = dict(PRICES)
    for entry in listed(overrides):
        model, _, numbers = entry.partition("=")
        try:
            fresh, cached, output = (float(number) for number in numbers.split("/"))
        except ValueError:
            raise ConfigurationError("MODEL_PRICES: must be model=input/cached/output, comma-separated") from None
        table[model.strip()] = Price(fresh, cached, output)
    return table
