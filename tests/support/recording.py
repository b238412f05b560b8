"""Fakes that record: what the desk would do to the world."""

from dataclasses import dataclass, field

from frontdesk.domain.outgoing import Outgoing


@dataclass
class RecordingChannel:
    """Sends to nobody and remembers each sending.

    ``failures`` are raised, first to last, before anything is sent; ``lost_answers`` after that.
    """

    sent: list[Outgoing] = field(default_factory=list)
    asked: list[Outgoing] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    lost_answers: list[Exception] = field(default_factory=list)

    async def send(self, outgoing: Outgoing) -> str:
        """See :class:`frontdesk.domain.ports.Channel`."""
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(outgoing)
        if self.lost_answers:
            raise self.lost_answers.pop(0)
        return f"id-{outgoing.key}"

    async def find(self, outgoing: Outgoing) -> str | None:
        """See :class:`frontdesk.domain.ports.Channel`."""
        self.asked.append(outgoing)
        return f"id-{outgoing.key}" if any(item.key == outgoing.key for item in self.sent) else None
