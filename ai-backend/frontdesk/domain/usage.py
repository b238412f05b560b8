"""What a judgement took: tokens, money and time."""

from pydantic import BaseModel, ConfigDict


class Usage(BaseModel):
    """Tokens, cost in millionths of a US dollar, and latency in milliseconds; usages add up."""

    model_config = ConfigDict(frozen=True)

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_micro_usd: int = 0
    latency_ms: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """The sum, field by field."""
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})
