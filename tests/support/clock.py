"""A clock that the test moves."""

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def pass_by(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


class Ahead:
    """Runs as the machine's clock, so far ahead of it as the test has moved it."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        """The time."""
        return datetime.now(UTC) + self._ahead

    def pass_by(self, **span: float) -> None:
        """Let time pass."""
        self._ahead += timedelta(**span)
