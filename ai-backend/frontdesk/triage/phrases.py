"""What to do next, in the words of the desk's people."""

from frontdesk.domain.analysis import Category

_ACTIONS: dict[Category, str] = {
    "sales": "Answer with price, stock and how to order.",
    "support": "Look up the order or booking and say what happens next.",
    "complaint": "Apologise, take it over personally and offer a remedy.",
    "inquiry": "Answer the question from the business's facts.",
    "technical": "Ask for the exact error and help step by step.",
    "general": "No answer is needed, or a short friendly one.",
}


def next_action(category: Category, urgency: int) -> str:
    """One sentence for the person at the desk."""
    if urgency >= 9:
        return "Call the sender now; where people are in danger, tell them the emergency number."
    action = _ACTIONS[category]
    return f"Answer within the hour: {action}" if urgency >= 7 else action
