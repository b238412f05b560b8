"""Operations of the API that a line each describes: what fits all of them follows from what they take."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from frontdesk.domain.business import Keeping
from frontdesk.domain.inbox import CannedReply, Note, SavedFilter
from frontdesk.domain.routing import Rule
from frontdesk.store.inbox import Counts
from frontdesk.web import configuration_documents, inbox_documents
from frontdesk.web.api import access, configuring, contacts, figures, jottings
from frontdesk.web.contact_documents import ContactDocument
from frontdesk.web.describing import LIMIT, UNAUTHENTICATED, UNAVAILABLE, answer, problem, request_body
from frontdesk.web.documents import MessageDocument, OutgoingDocument
from frontdesk.web.reply_documents import TurnDocument

WHOLE = {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**63 - 1}
TEXT = {"type": "string"}
DAY = {"type": "string", "format": "date"}


@dataclass(frozen=True)
class Operation:
    """One of them. ``where`` is method and path; ``gives`` is None for 204; ``but`` are further errors, status → when."""

    where: str
    summary: str
    takes: type[BaseModel] | None = None
    gives: type[BaseModel] | None = None
    status: int = 200
    query: Sequence[tuple[str, dict[str, Any]]] = ()
    but: Sequence[tuple[int, str]] = ()
    is_open: bool = False


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST /login", "Be known by a cookie; for the desk's own page", access.LoginDraft, access.MeDocument,
        but=[(429, "Too many attempts failed: come back after Retry-After seconds")], is_open=True,
    ),
    Operation(
        "POST /setup", "Choose a password by a one-time link; for the desk's own page", access.SetupDraft,
        access.MeDocument, but=[(404, "The link has been used, or is too old"), (429, "Too many attempts failed")],
        is_open=True,
    ),
    Operation("POST /logout", "The cookie is nobody's any more"),
    Operation("GET /me", "Who asks, and what they may do", gives=access.MeDocument),
    Operation(
        "POST /me/password", "Choose another password; other devices are logged out", access.PasswordDraft,
        but=[(404, "A token has no password"), (429, "Too many attempts failed")],
    ),
    Operation(
        "POST /people/{id}/invitation", "A link by which somebody chooses a password, once",
        gives=access.InvitationDocument, status=201,
    ),
    Operation("GET /tokens", "Every key of a program", gives=access.TokensDocument),
    Operation("POST /tokens", "Make a key for a program", access.TokenDraft, access.TokenDocument, status=201),
    Operation("DELETE /tokens/{id}", "A key opens nothing any more"),
    Operation("GET /conversations/counts", "How many there are to look at, counted up to 1,000", gives=Counts),
    Operation(
        "GET /conversations/{id}/thread", "Both sides of a chat, the newest part or that before another",
        gives=inbox_documents.ThreadDocument, query=[("before", TEXT), ("limit", LIMIT["schema"])],
    ),
    Operation(
        "GET /search", "Chats by name, number or profile, and messages by their words",
        gives=inbox_documents.SearchDocument,
        query=[
            ("q", {"type": "string", "maxLength": 100}), ("from", DAY), ("to", DAY), ("before", WHOLE), ("limit", LIMIT["schema"]),
        ],
    ),
    Operation(
        "POST /messages/{id}/analysis", "Judge a message anew; what people corrected stands", gives=MessageDocument,
        but=[(409, "It is not judged yet")],
    ),
    Operation(
        "POST /outbox/{id}/resend", "Send a message of ours again that failed, or is of unknown outcome",
        gives=OutgoingDocument, status=202, but=[(409, "It has not failed")],
    ),
    Operation(
        "POST /contacts/{id}/numbers", "Say where a contact is reached", contacts.NewNumberDraft, ContactDocument,
        but=[(409, "The number is another contact's")],
    ),
    Operation(
        "POST /conversations/{id}/drafts", "Have an agent draft an answer to what was written last", gives=TurnDocument,
        status=201, but=[(409, "There is nothing to answer, or its answer is on its way"), (502, "No agent answered")],
    ),
    Operation(
        "DELETE /contacts/{id}/numbers", "A number is not a contact's", contacts.NumberDraft, ContactDocument,
        but=[(409, "It is all that is known of who this is")],
    ),
    Operation("GET /contacts/{id}/notes", "What is written down about a contact", gives=inbox_documents.NotesDocument),
    Operation("POST /contacts/{id}/notes", "Write something down", jottings.NoteDraft, Note, status=201),
    Operation("DELETE /notes/{id}", "Throw a note away"),
    Operation("GET /canned-replies", "Ready-made answers", gives=inbox_documents.CannedRepliesDocument),
    Operation(
        "POST /canned-replies", "Keep an answer ready", jottings.CannedReplyDraft, CannedReply, status=201,
        but=[(409, "Another has that name")],
    ),
    Operation(
        "PUT /canned-replies/{id}", "Change it", jottings.CannedReplyDraft, CannedReply,
        but=[(409, "Another has that name")],
    ),
    Operation("DELETE /canned-replies/{id}", "Throw it away"),
    Operation("GET /filters", "Everybody's filters, and your own", gives=inbox_documents.SavedFiltersDocument),
    Operation("POST /filters", "Keep a filter", jottings.SavedFilterDraft, SavedFilter, status=201),
    Operation("DELETE /filters/{id}", "Throw it away"),
    Operation(
        "GET /stats/daily", "Figures by day, and of as many days before them", gives=figures.DailyDocument,
        query=[("from", DAY), ("to", DAY)],
    ),
    Operation("GET /important-customers", "Who comes first", gives=configuration_documents.CustomersDocument),
    Operation("POST /important-customers", "Somebody comes first from the next message on", configuring.CustomerDraft),
    Operation(
        "DELETE /important-customers", "They come as everybody else", configuring.CustomerDraft,
        but=[(404, "They are not on the list")],
    ),
    Operation("GET /critical-groups", "Groups that come first", gives=configuration_documents.GroupsDocument),
    Operation("POST /critical-groups", "A group comes first from the next message on", configuring.GroupDraft),
    Operation(
        "DELETE /critical-groups", "It comes as every other", configuring.GroupDraft,
        but=[(404, "It is not on the list")],
    ),
    Operation("GET /routing-rules", "Rules in their order", gives=configuration_documents.RulesDocument),
    Operation("POST /routing-rules", "Add a rule", configuring.RuleDraft, Rule, status=201),
    Operation("DELETE /routing-rules/{id}", "Remove it"),
    Operation("GET /business", "The facts that are answered with", gives=configuration_documents.BusinessDocument),
    Operation("GET /opening-hours", "When the business is open", gives=configuration_documents.OpeningDocument),
    Operation(
        "PUT /opening-hours", "Set the hours, from now on", configuring.OpeningDraft, configuration_documents.OpeningDocument
    ),
    Operation(
        "DELETE /opening-hours", "Those of the business's file count again", gives=configuration_documents.OpeningDocument
    ),
    Operation("GET /retention", "For how many days things are kept", gives=Keeping),
    Operation("PUT /retention", "Keep them for so long; what is older is erased within the hour", Keeping, Keeping),
    Operation("GET /agents", "Who the agents are, and how", gives=configuration_documents.AgentsDocument),
    Operation(
        "POST /agents/{name}/trials", "What an agent would answer; nothing is stored or sent", configuring.TrialDraft,
        configuration_documents.TrialDocument, but=[(502, "The agent did not answer")],
    ),
)  # fmt: skip

BODIES = tuple({item.takes for item in OPERATIONS if item.takes is not None})
ANSWERS = tuple({item.gives for item in OPERATIONS if item.gives is not None})


def paths() -> dict[str, Any]:
    """Path → method → its description."""
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for item in OPERATIONS:
        method, _, path = item.where.partition(" ")
        found[path][method.lower()] = _described(item, path)
    return dict(found)


def _described(item: Operation, path: str) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", path)
    done = {str(item.status): answer(item.gives, "Done")} if item.gives else {"204": {"description": "Done"}}
    wrong: dict[str, Any] = {}
    if names:
        wrong["404"] = problem("There is no such thing")
    if item.query or item.takes:
        wrong["422"] = problem("The request does not fit the contract")
    if item.takes:
        wrong |= {
            "400": problem("Not JSON"),
            "413": problem("The body is too large"),
            "415": problem("The body is not UTF-8"),
        }
    wrong |= {str(status): problem(when) for status, when in item.but}
    described: dict[str, Any] = {
        "summary": item.summary,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": WHOLE if name == "id" else TEXT}
                for name in names
            ),
            *({"name": name, "in": "query", "schema": schema} for name, schema in item.query),
        ],
        "responses": {**done, **wrong, **UNAUTHENTICATED, **UNAVAILABLE},
    }
    if item.takes:
        described["requestBody"] = request_body(item.takes.__name__)
    if not item.is_open:
        described["security"] = [{"token": []}]
    return described
