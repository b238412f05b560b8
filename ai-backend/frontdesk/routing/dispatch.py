"""Hand a message to its agent: the backend decides, the hub steps in where nobody matches or somebody is down."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from frontdesk.domain.agents import AgentReply, AgentRequest, Brief, Manifest
from frontdesk.domain.analysis import Analysis
from frontdesk.domain.errors import AgentError, AgentRejectedError, BreakerOpenError, NotFoundError
from frontdesk.domain.messages import Record
from frontdesk.domain.routing import HUB, Choice, Route, Rule, choose
from frontdesk.wire.breaker import Breaker
from frontdesk.wire.calls import SignedCaller

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Dispatched:
    """A route, how long the agents took in milliseconds, how many were asked, and for how long nobody is to be asked."""

    route: Route
    latency_ms: int
    calls: int
    left_alone_s: float


class Dispatcher:
    """Knows the agents, calls them, and leaves alone who keeps failing."""

    def __init__(self, manifests: tuple[Manifest, ...], caller: SignedCaller, breakers: Mapping[str, Breaker]) -> None:
        self._manifests = manifests
        self._by_name = {manifest.name: manifest for manifest in manifests}
        self._caller = caller
        self._breakers = breakers

    def names(self) -> tuple[str, ...]:
        """The agents."""
        return tuple(self._by_name)

    async def health(self) -> dict[str, str]:
        """Each agent → “up”, “down”, or “left alone”."""
        states = await asyncio.gather(*(self._state_of(manifest) for manifest in self._manifests))
        return {manifest.name: state for manifest, state in zip(self._manifests, states, strict=True)}

    def left_alone(self) -> dict[str, bool]:
        """Each agent → whether it is being left alone after failures."""
        return {name: breaker.is_open for name, breaker in self._breakers.items()}

    async def _state_of(self, manifest: Manifest) -> str:
        if self._breakers[manifest.name].is_open:
            return "left alone"
        try:
            await self._caller.get(f"{manifest.address}/health")
        except AgentError:
            return "down"
        return "up"

    def choose(self, record: Record, rules: tuple[Rule, ...]) -> Choice:
        """The agent that a message belongs to, and why."""
        assert record.analysis is not None  # noqa: S101 (routing follows analysis)
        return choose(
            analysis=record.analysis,
            text=record.message.text,
            is_vip=record.is_vip_customer,
            is_group=record.message.is_group,
            rules=rules,
            manifests=self._manifests,
        )

    async def dispatch(
        self,
        record: Record,
        rules: tuple[Rule, ...],
        *,
        brief: Brief,
        key: str | None = None,
        trace: str | None = None,
    ) -> Dispatched:
        """Choose an agent and get its answer. A route without success means that nobody could be reached.

        Asked again about a message an agent gives the same answer, unless ``key`` names another request.
        """
        started = time.monotonic()
        choice = self.choose(record, rules)
        request = _request(record, choice.agent, brief, key or f"route-{record.key}")
        reasons = [choice.reason]
        route: Route | None = None
        calls = 0
        left_alone: list[float] = []
        for name in dict.fromkeys((choice.agent, HUB)):
            if name not in self._by_name:
                reasons.append(f"there is no {name}")
                continue
            try:
                reply = await self._ask(name, request, trace)
            except AgentError as error:
                if isinstance(error, BreakerOpenError):
                    left_alone.append(self._breakers[name].reopens_in_s)
                else:
                    calls += 1
                reasons.append(f"{name} failed: {error.detail}")
                log.warning("agent_failed", agent=name, reason=error.detail, message=record.id)
                continue
            calls += 1
            if name != choice.agent:
                reasons.append("the hub took over")
            elif reply.agent != name:
                reasons.append(f"the hub picked {reply.agent}")
            document = reply.model_dump(mode="json")
            route = Route(success=True, agent=reply.agent, reason="; ".join(reasons), response=document)
            break
        if route is None:
            route = Route(success=False, agent=choice.agent, reason="; ".join(reasons))
        return Dispatched(
            route=route,
            latency_ms=round((time.monotonic() - started) * 1000),
            calls=calls,
            left_alone_s=min(left_alone, default=0),
        )

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """What the agents say of themselves."""
        return self._manifests

    async def try_out(self, name: str, text: str, analysis: Analysis) -> AgentReply:
        """What an agent would answer; nothing follows from it.

        Raises:
            NotFoundError: there is no such agent. AgentError: it did not answer.
        """
        if name not in self._by_name:
            raise NotFoundError("there is no such agent")
        request = AgentRequest(
            idempotency_key=f"trial-{uuid.uuid4().hex}", agent=name, message=text, analysis=analysis
        )  # fmt: skip
        return await self._ask(name, request, None)

    async def _ask(self, name: str, request: AgentRequest, trace: str | None) -> AgentReply:
        breaker = self._breakers[name]
        breaker.enter()
        try:
            answer = await self._caller.post(
                f"{self._by_name[name].address}/process",
                request.model_dump(mode="json"),
                key=request.idempotency_key,
                trace=trace,
            )
            reply = AgentReply.model_validate(answer)
        except AgentRejectedError:
            # It is up and says no: that is about the message, or about our secret.
            breaker.succeeded()
            raise
        except AgentError:
            breaker.failed()
            raise
        except ValidationError as error:
            breaker.failed()
            raise AgentError("answered outside of the protocol") from error
        except BaseException:
            breaker.abandoned()
            raise
        breaker.succeeded()
        return self._checked(name, reply)

    def _checked(self, asked: str, reply: AgentReply) -> AgentReply:
        """The reply with the actions that its agent's manifest allows; an unknown name counts as the agent asked."""
        name = reply.agent if reply.agent in self._by_name else asked
        allowed = self._by_name[name].actions
        actions = tuple(action for action in reply.actions if action.type in allowed)
        return reply.model_copy(update={"agent": name, "actions": actions})


def _request(record: Record, agent: str, brief: Brief, key: str) -> AgentRequest:
    assert record.analysis is not None  # noqa: S101 (routing follows analysis)
    message = record.message
    return AgentRequest(
        **{name: getattr(brief, name) for name in Brief.model_fields},
        idempotency_key=key,
        agent=agent,
        message=message.text,
        quoted=message.quoted.content if message.quoted else None,
        sender_name=message.sender_name,
        chat_name=message.chat_name,
        is_vip=record.is_important,
        analysis=record.analysis,
    )
