"""One agent: its manifest, its prompt, and its own code where a prompt is not enough."""

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from frontdesk.agentkit.answering import answer_by_rules
from frontdesk.config.manifests import load_manifest
from frontdesk.domain.agents import AgentReply, AgentRequest, Manifest
from frontdesk.domain.business import Business
from frontdesk.domain.errors import AgentError, AnalyserError, ConfigurationError
from frontdesk.model.client import ModelClient
from frontdesk.model.drafting import draft
from frontdesk.model.structured import UseTool
from frontdesk.wire.calls import SignedCaller

log = structlog.get_logger(__name__)

RuleAnswer = Callable[[AgentRequest, Business], AgentReply | None]


@dataclass(frozen=True, kw_only=True)
class Writer:
    """The model that writes for agents, and the way to what they may look up."""

    client: ModelClient
    model: str
    caller: SignedCaller

    def tools_of(self, request: AgentRequest) -> UseTool | None:
        """What a request gives access to; what cannot be looked up is told to the model, which answers without."""
        access = request.tools
        if access is None:
            return None

        async def use(name: str, arguments: Mapping[str, Any]) -> str:
            if name not in access.names:
                return json.dumps({"error": "there is no such tool"})
            try:
                found = await self.caller.look_up(f"{access.url}/{name}", arguments, token=access.token)
            except AgentError as error:
                log.warning("tool_failed", tool=name, reason=error.detail)
                found = {"error": "this cannot be looked up now"}
            return json.dumps(found, ensure_ascii=False)

        return use


@dataclass(frozen=True, kw_only=True)
class Agent:
    """An agent that answers: by the model where there is one, by its own rules or the common ones otherwise."""

    manifest: Manifest
    prompt: str
    business: Business
    writer: Writer | None
    own_rules: RuleAnswer | None = None

    async def answer(self, request: AgentRequest) -> AgentReply:
        """A draft and actions. Actions that the manifest does not name are left out. Never fails for the model's sake."""
        reply = await self._by_model(request) or self._by_rules(request)
        allowed = tuple(action for action in reply.actions if action.type in self.manifest.actions)
        return reply.model_copy(update={"actions": allowed, "agent": self.manifest.name})

    async def _by_model(self, request: AgentRequest) -> AgentReply | None:
        if self.writer is None:
            return None
        try:
            return await draft(
                self.writer.client,
                model=self.writer.model,
                prompt=self.prompt,
                agent=self.manifest.name,
                request=request,
                business=self.business,
                use_tool=self.writer.tools_of(request),
            )
        except AnalyserError as error:
            log.warning("agent_answers_by_rules", agent=self.manifest.name, reason=error.detail)
            return None

    def _by_rules(self, request: AgentRequest) -> AgentReply:
        own = self.own_rules(request, self.business) if self.own_rules else None
        return own or answer_by_rules(self.manifest.name, request, self.business)


def load_agent(folder: Path, *, business: Business, writer: Writer | None) -> Agent:
    """Read an agent's folder: ``agent.toml``, ``prompt.md`` and, where it is there, ``agent.py`` with ``answer``.

    Raises:
        ConfigurationError: something is missing or wrong; the text names the file.
    """
    manifest = load_manifest(folder)
    try:
        prompt = (folder / "prompt.md").read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder / 'prompt.md'}: {error.strerror}") from None
    return Agent(
        manifest=manifest, prompt=prompt, business=business, writer=writer, own_rules=_own_rules(folder / "agent.py")
    )


def _own_rules(path: Path) -> RuleAnswer | None:
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location(f"frontdesk_agent_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rules: RuleAnswer | None = getattr(module, "answer", None)
    if rules is None:
        raise ConfigurationError(f"{path}: has no function answer(request, business)")
    return rules
