"""What must not be left to a model: priorities follow from urgency, and those who matter come first."""

from collections.abc import Mapping
from typing import Any

from frontdesk.domain.analysis import Analysis, Choice, PriorityLevel, ResponseTime, questions

IMPORTANT_BONUS = 3
HIGHEST_URGENCY = 10

_RESPONSE_TIMES: dict[PriorityLevel, ResponseTime] = {
    "critical": "immediate",
    "high": "1hour",
    "normal": "4hours",
    "low": "24hours",
}


def priority_of(urgency: int) -> PriorityLevel:
    """9–10 critical, 7–8 high, 4–6 normal, else low."""
    if urgency >= 9:
        return "critical"
    if urgency >= 7:
        return "high"
    return "normal" if urgency >= 4 else "low"


def conclude(
    values: Mapping[str, Any], confidence: Mapping[str, float], *, analyser: str, is_important: bool
) -> Analysis:
    """An analysis from judged values.

    An important sender or group raises urgency by 3 and is always critical; who asks for a person needs one.

    Raises:
        ValueError: a value is none of its field's choices, or of the wrong type.
    """
    for name, (_, question) in questions().items():
        if isinstance(question, Choice) and values[name] not in question.choices:
            raise ValueError(f"{name}: none of its choices")
    urgency = max(1, min(HIGHEST_URGENCY, int(values["urgency_score"])))
    if is_important:
        urgency = min(HIGHEST_URGENCY, urgency + IMPORTANT_BONUS)
    priority: PriorityLevel = "critical" if is_important else priority_of(urgency)
    judged = {**values, "urgency_score": urgency}
    if values["wants_person"]:
        # Whoever asks for a person waits for one.
        judged |= {"needs_human": True, "action_required": True}
    return Analysis.model_validate(
        {
            **judged,
            "priority_level": priority,
            "recommended_response_time": _RESPONSE_TIMES[priority],
            "confidence": dict(confidence),
            "analyser": analyser,
        }
    )


def corrected(analysis: Analysis, values: Mapping[str, Any], *, is_important: bool) -> Analysis:
    """An analysis with what a person says is right: certain, and with the priority that follows from it."""
    if not values:
        return analysis
    urgency = int(values.get("urgency_score", analysis.urgency_score))
    priority: PriorityLevel = "critical" if is_important else priority_of(urgency)
    return Analysis.model_validate(
        {
            **analysis.model_dump(),
            **values,
            "priority_level": priority,
            "recommended_response_time": _RESPONSE_TIMES[priority],
            "confidence": {**analysis.confidence, **dict.fromkeys(values, 1.0)},
        }
    )
