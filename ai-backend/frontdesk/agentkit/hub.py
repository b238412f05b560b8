"""The hub: it picks an agent for what nobody claimed, knows who is up, and takes over for one that is down."""

import asyncio

import structlog

from frontdesk.agentkit.agent import Agent
from frontdesk.domain.agents import AgentReply, AgentRequest, Manifest
from frontdesk.domain.errors import AgentError
from frontdesk.domain.routing import HUB, choose
from frontdesk.wire.calls import SignedCaller

log = structlog.get_logger(__name__)


class Hub:
    """Asks another agent, or answers itself."""

    def __init__(self, own: Agent, others: tuple[Manifest, ...], caller: SignedCaller) -> None:
        self.manifest = own.manifest
        self._own = own
        self._others = tuple(manifest for manifest in others if manifest.role == "specialist")
        self._caller = caller

    async def answer(self, request: AgentRequest) -> AgentReply:
        """The reply of the first agent that is up, the best match first and the one that is known to be down left out."""
        for manifest in self._ranked(request):
            try:
                payload = request.model_copy(update={"agent": manifest.name}).model_dump(mode="json")
                answer = await self._caller.post(f"{manifest.address}/process", payload, key=request.idempotency_key)
                return AgentReply.model_validate(answer)
            except (AgentError, ValueError) as error:
                log.info("hub_passed_over", agent=manifest.name, reason=type(error).__name__)
        return await self._own.answer(request)

    async def who_is_up(self) -> dict[str, bool]:
        """Each other agent's name → whether it answers its health check."""
        checks = await asyncio.gather(*(self._is_up(manifest) for manifest in self._others))
        return {manifest.name: up for manifest, up in zip(self._others, checks, strict=True)}

    def _ranked(self, request: AgentRequest) -> list[Manifest]:
        candidates = tuple(manifest for manifest in self._others if manifest.name != request.agent)
        best = choose(
            analysis=request.analysis, text=request.message, is_vip=request.is_vip, is_group=False, rules=(),
            manifests=candidates,
        ).agent  # fmt: skip
        if best == HUB:
            # Nobody claims it: the agent that stands last among equals is the generalist.
            return sorted(candidates, key=lambda manifest: (-manifest.priority, manifest.name))[:1]
        return [manifest for manifest in candidates if manifest.name == best]

    async def _is_up(self, manifest: Manifest) -> bool:
        try:
            await self._caller.get(f"{manifest.address}/health", timeout_s=1)
        except AgentError:
            return False
        return True
