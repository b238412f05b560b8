"""Which agent a message belongs to: ordered rules of the operator first, then what the agents say of themselves."""

from pydantic import BaseModel, ConfigDict

from frontdesk.domain.agents import Manifest
from frontdesk.domain.analysis import Analysis, Category

HUB = "hub"


class Rule(BaseModel):
    """An operator's rule: all conditions that are given must hold. The lowest position that holds decides."""

    model_config = ConfigDict(frozen=True)

    id: int
    position: int
    agent: str
    category: Category | None = None
    keyword: str | None = None
    minimum_urgency: int | None = None
    vip_only: bool = False
    group_only: bool = False


class Choice(BaseModel):
    """The agent chosen, and why. ``agent`` is the hub where nothing matched."""

    model_config = ConfigDict(frozen=True)

    agent: str
    reason: str


class Route(BaseModel):
    """How a message was routed. ``success`` means that an agent answered."""

    model_config = ConfigDict(frozen=True)

    success: bool
    agent: str | None
    reason: str
    response: dict[str, object] | None = None


def choose(
    *,
    analysis: Analysis,
    text: str,
    is_vip: bool,
    is_group: bool,
    rules: tuple[Rule, ...],
    manifests: tuple[Manifest, ...],
) -> Choice:
    """The agent for a message, the same for the same input.

    Rules that name an unknown agent are passed over. Among agents whose manifest fits, a keyword beats a category, and
    then the lowest ``priority`` and the name decide.
    """
    folded = text.casefold()
    known = {manifest.name for manifest in manifests}
    for rule in sorted(rules, key=lambda rule: (rule.position, rule.id)):
        if rule.agent in known and _holds(rule, analysis, folded, is_vip=is_vip, is_group=is_group):
            return Choice(agent=rule.agent, reason=f"rule {rule.id} at position {rule.position}")
    best: tuple[tuple[int, int, str], str] | None = None
    for manifest in manifests:
        if manifest.role == "hub" or analysis.urgency_score < manifest.minimum_urgency:
            continue
        keyword = next((word for word in manifest.keywords if word.casefold() in folded), None)
        if keyword is not None:
            rank, reason = (0, manifest.priority, manifest.name), f"keyword “{keyword}” of {manifest.name}"
        elif analysis.category in manifest.categories:
            rank, reason = (1, manifest.priority, manifest.name), f"category {analysis.category} of {manifest.name}"
        else:
            continue
        if best is None or rank < best[0]:
            best = (rank, reason)
    if best is not None:
        return Choice(agent=best[0][2], reason=best[1])
    return Choice(agent=HUB, reason="no rule and no agent's manifest matched")


def _holds(rule: Rule, analysis: Analysis, folded: str, *, is_vip: bool, is_group: bool) -> bool:
    return (
        (rule.category is None or rule.category == analysis.category)
        and (rule.keyword is None or rule.keyword.casefold() in folded)
        and (rule.minimum_urgency is None or analysis.urgency_score >= rule.minimum_urgency)
        and (is_vip or not rule.vip_only)
        and (is_group or not rule.group_only)
    )
