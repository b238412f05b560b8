"""The documents of how the desk works."""

from datetime import datetime

from pydantic import BaseModel, Field

from frontdesk.domain.agents import AgentReply, Told
from frontdesk.domain.analysis import Analysis, Category
from frontdesk.domain.business import Business, Opening
from frontdesk.domain.contacts import IdentityKind
from frontdesk.domain.routing import Rule


class CustomerDocument(BaseModel):
    """Somebody who comes first."""

    kind: IdentityKind
    value: str
    name: str | None
    since: datetime


class CustomersDocument(BaseModel):
    """All of them."""

    customers: list[CustomerDocument]


class GroupsDocument(BaseModel):
    """Names and ids of the groups that come first."""

    groups: list[str]


class RulesDocument(BaseModel):
    """Rules in the order in which they are tried."""

    rules: list[Rule]


class BusinessDocument(Business):
    """What the business is, as its file says; triage and agents answer with these facts and with nothing else."""

    file: str = Field(description="Where it is written")
    is_example: bool = Field(description="There is no such file yet, and the example counts")


class OpeningDocument(Opening):
    """When the business is open."""

    is_set: bool = Field(description="On the page; else it is as the business's file says")


class AgentDocument(BaseModel):
    """An agent: what it says of itself, and how it is."""

    name: str
    title: str
    description: str
    languages: dict[str, Told]
    role: str
    categories: tuple[Category, ...]
    keywords: tuple[str, ...]
    minimum_urgency: int
    priority: int
    actions: tuple[str, ...]
    state: str = Field(description="up, down, or left alone")


class AgentsDocument(BaseModel):
    """All of them."""

    agents: list[AgentDocument]


class TrialDocument(BaseModel):
    """How a message was judged, and what an agent would answer."""

    analysis: Analysis
    reply: AgentReply
