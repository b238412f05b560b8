"""Wake-ups within a process: a worker in the same process is told at once, and nobody else has to be."""

from collections.abc import Callable, Iterable


class LocalWakeups:
    """Tells the worker of this process."""

    def __init__(self, *, incoming: Callable[[], None], outgoing: Callable[[], None]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def incoming(self, conversation_ids: Iterable[int]) -> None:  # noqa: ARG002 (the store knows which)
        """Messages wait in these conversations."""
        self._incoming()

    def outgoing(self, account_ids: Iterable[int]) -> None:  # noqa: ARG002 (the store knows which)
        """Messages of these accounts wait to be sent."""
        self._outgoing()

    def voice(self, conversation_ids: Iterable[int]) -> None:  # noqa: ARG002 (the store knows which)
        """Files of these conversations wait to be listened to, or looked at."""
        self._incoming()
