"""``/messages/{id}/analysis``: a person says how a message should have been judged, or has it judged anew."""

from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from frontdesk.desk.correcting import correct
from frontdesk.domain.analysis import Category, Choice, Sentiment, questions
from frontdesk.domain.errors import ConflictError, FieldProblem, InvalidInputError, NotFoundError
from frontdesk.domain.people import LONGEST_NAME
from frontdesk.store import messages
from frontdesk.web.api.bodies import read_body, read_document
from frontdesk.web.api.reading import asked_for
from frontdesk.web.desk import DESK
from frontdesk.web.documents import message_of


def _is_language(value: str) -> str:
    question = questions()["language"][1]
    if not isinstance(question, Choice) or value not in question.choices:
        raise ValueError("must be one of the languages that are judged, or und")
    return value


class AnalysisCorrection(BaseModel):
    """The body of ``PATCH /messages/{id}/analysis``: what is right; what is left out was right."""

    model_config = ConfigDict(extra="forbid", strict=True)

    urgency_score: int = Field(default=1, ge=1, le=10)
    category: Category = "general"
    sentiment: Sentiment = "neutral"
    language: Annotated[str, AfterValidator(_is_language)] = "und"
    action_required: bool = False
    needs_human: bool = False
    needs_task: bool = False
    wants_person: bool = False
    person: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)] | None = (
        Field(default=None, description="Who says so")
    )


async def change(request: web.Request) -> web.Response:
    """Judge it so; priority and deadline follow, and no later judgement takes it back."""
    desk = request.app[DESK]
    caller = desk.gate.check(request, "write")
    draft = read_document(AnalysisCorrection, await read_body(request))
    values = draft.model_dump(exclude_unset=True)
    # Who is logged in says it themselves.
    person = values.pop("person", None) if caller.person is None else caller.person.name
    values.pop("person", None)
    if not values:
        raise InvalidInputError(
            "nothing is corrected", (FieldProblem(pointer="", detail="must name at least one field"),)
        )
    record = await asked_for(request)
    await correct(desk.database, record, values, person=person, calendar_of=desk.calendar_of, now=desk.clock())
    desk.feed.announce()
    fresh = await messages.fetch(desk.database, record.id)
    if fresh is None:
        raise NotFoundError("there is no such message")
    return web.json_response(text=message_of(fresh).model_dump_json())


async def again(request: web.Request) -> web.Response:
    """``POST``: judge it anew, now; what people corrected stands."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    record = await asked_for(request)
    if record.analysis is None:
        raise ConflictError("this message is not judged yet")
    await desk.judge_again(record)
    fresh = await messages.fetch(desk.database, record.id)
    if fresh is None:
        raise NotFoundError("there is no such message")
    return web.json_response(text=message_of(fresh).model_dump_json())
