"""Pieces of the API's description that its operations share."""

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel

from frontdesk.domain.inbox import Filter
from frontdesk.domain.replies import TurnState
from frontdesk.web import contact_documents, desk_documents, documents, reply_documents

REFERENCE = "#/components/schemas/{model}"
LIMIT: dict[str, Any] = {
    "name": "limit",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
}


def answer(model: type[BaseModel], description: str) -> dict[str, Any]:
    """An answer with a document."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def request_body(model: str) -> dict[str, Any]:
    """A body of a schema, by its name."""
    return {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}}},
    }


def problem(description: str) -> dict[str, Any]:
    """An error by RFC 9457."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


UNAUTHENTICATED = {
    "401": problem("No valid signature, token or cookie"),
    "403": problem("The caller lacks the right, or their browser was made to ask"),
}
UNAVAILABLE = {"503": problem("The store is away, or too much is in hand: come back after Retry-After seconds")}
RESULT = "The message is stored, judged and routed"


def filters() -> Iterable[tuple[str, dict[str, Any]]]:
    """What conversations can be filtered by: name and schema of each."""
    properties: dict[str, Any] = Filter.model_json_schema()["properties"]
    return properties.items()


def getting(summary: str, responses: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A path that is read."""
    return {"get": {"summary": summary, "responses": {**responses, **UNAVAILABLE}, **more}}


def telling(summary: str, body: str, result: str) -> dict[str, Any]:
    """What a connector tells, signed."""
    return {
        "summary": summary,
        "parameters": [],
        "requestBody": request_body(body),
        "security": [{"token": []}, {"signature": []}],
        "responses": {
            "200": {"description": result, "content": {"application/json": {"schema": {"type": "object"}}}},
            "400": problem("Not JSON"),
            "413": problem("The body is too large"),
            "415": problem("The body is not UTF-8"),
            "422": problem("The body does not fit the contract"),
            **UNAUTHENTICATED,
            **UNAVAILABLE,
        },
    }


def commanding(
    summary: str, account: dict[str, Any], *, body: str | None = None, status: str = "202"
) -> dict[str, Any]:
    """What the connector of an account is asked to do."""
    return {
        "summary": summary,
        "parameters": [account],
        **({"requestBody": request_body(body)} if body else {}),
        "security": [{"token": []}],
        "responses": {
            status: {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}},
            "404": problem("There is no such account"),
            "502": problem("The connector did not do it"),
            **UNAUTHENTICATED,
        },
    }


def editing(
    summary: str,
    body: str,
    model: type[BaseModel],
    secured: dict[str, Any],
    *parameters: dict[str, Any],
    status: str = "200",
) -> dict[str, Any]:
    """Something of the desk that a person makes or changes."""
    return {
        "summary": summary,
        "parameters": list(parameters),
        "requestBody": request_body(body),
        "responses": {
            status: answer(model, "As it is now"),
            "400": problem("Not JSON"),
            "404": problem("There is no such thing"),
            "413": problem("The body is too large"),
            "415": problem("The body is not UTF-8"),
            "422": problem("The body does not fit the contract"),
            **UNAUTHENTICATED,
            **UNAVAILABLE,
        },
        **secured,
    }


def webhooks(identifier: dict[str, Any], secured: dict[str, Any]) -> dict[str, Any]:
    """The paths of the endpoints that are told what happens."""
    missing = {"404": problem("There is no such endpoint"), **UNAUTHENTICATED}
    one = desk_documents.EndpointDocument
    return {
        "/webhooks": {
            **getting(
                "Who is told what happens",
                {"200": answer(desk_documents.EndpointsDocument, "All endpoints"), **UNAUTHENTICATED},
                **secured,
            ),
            "post": editing("Tell somebody what happens from now on", "EndpointDraft", one, secured, status="201"),
        },
        "/webhooks/{id}": {
            **getting(
                "One endpoint", {"200": answer(one, "As it is now"), **missing}, parameters=[identifier], **secured
            ),
            "patch": editing("Change it", "EndpointChanges", one, secured, identifier),
            "delete": {
                "summary": "Tell it no more",
                "parameters": [identifier],
                "responses": {"204": {"description": "Removed"}, **missing, **UNAVAILABLE},
                **secured,
            },
        },
        "/webhooks/{id}/replay": {
            "post": editing("Tell it again what came after an event", "RewindDraft", one, secured, identifier)
        },
        "/webhooks/{id}/dead-letters": getting(
            "What it did not take for three days",
            {
                "200": answer(desk_documents.DeadLettersDocument, "The oldest first"),
                "422": problem("The query does not fit"),
                **missing,
            },
            parameters=[
                identifier,
                {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0, "default": 0}},
                LIMIT,
            ],
            **secured,
        ),
    }


def collection(
    path: str, noun: str, *, many: type[BaseModel], one: type[BaseModel], draft: str, changes: str,
    identifier: dict[str, Any], secured: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """The paths of things that people list, make, change and remove."""
    missing = {"404": problem(f"There is no such {noun}"), **UNAUTHENTICATED}
    return {
        path: {
            **getting(f"Every {noun}", {"200": answer(many, "All of them"), **UNAUTHENTICATED}, **secured),
            "post": editing(f"Add a {noun}", draft, one, secured, status="201"),
        },
        f"{path}/{{id}}": {
            **getting(
                f"One {noun}", {"200": answer(one, "As it is now"), **missing}, parameters=[identifier], **secured
            ),
            "patch": editing(f"Change a {noun}", changes, one, secured, identifier),
            "delete": {
                "summary": f"Remove a {noun}",
                "parameters": [identifier],
                "responses": {"204": {"description": "Removed"}, **missing, **UNAVAILABLE},
                **secured,
            },
        },
    }


def replies(identifier: dict[str, Any], secured: dict[str, Any]) -> dict[str, Any]:
    """The paths of drafts, of the people who answer, and of how the desk speaks."""
    account = {"name": "account", "in": "path", "required": True, "schema": {"type": "string"}}
    number = {"schema": identifier["schema"], "in": "query"}
    no_turn = {"404": problem("There is no such turn"), **UNAUTHENTICATED}
    overtaken = {"409": problem("It was dismissed or replaced meanwhile, or is on its way")}
    turn = answer(reply_documents.TurnDocument, "The turn")
    bot = reply_documents.BotDocument
    accept = editing(
        "Send a draft, as it is or in your words",
        "AcceptDraft",
        documents.QueuedDocument,
        secured,
        identifier,
        status="202",
    )
    accept["requestBody"] = accept["requestBody"] | {"required": False}
    accept["responses"] |= overtaken
    return {
        "/turns": getting(
            "What was drafted, the newest first",
            {
                "200": answer(reply_documents.TurnsDocument, "Turns"),
                "422": problem("The query does not fit"),
                **UNAUTHENTICATED,
            },
            parameters=[
                {"name": "state", "in": "query", "schema": {"enum": [*get_args(TurnState), "all"], "default": "suggested"}},
                {"name": "conversation_id", **number},
                {"name": "before", **number},
                LIMIT,
            ],
            **secured,
        ),
        "/turns/{id}": getting("One turn", {"200": turn, **no_turn}, parameters=[identifier], **secured),
        "/turns/{id}/accept": {"post": accept},
        "/turns/{id}/dismiss": {
            "post": {
                "summary": "Throw a draft away",
                "parameters": [identifier],
                "responses": {"200": turn, **no_turn, **overtaken, **UNAVAILABLE},
                **secured,
            }
        },
        **collection(
            "/people", "person", many=reply_documents.PeopleDocument, one=reply_documents.PersonDocument,
            draft="PersonDraft", changes="PersonChanges", identifier=identifier, secured=secured,
        ),
        "/bots": getting(
            "How the desk speaks for each account",
            {"200": answer(reply_documents.BotsDocument, "That of each account"), **UNAUTHENTICATED},
            **secured,
        ),
        "/bots/{account}": {
            **getting(
                "How the desk speaks for an account",
                {"200": answer(bot, "As it is now"), "404": problem("There is no such account"), **UNAUTHENTICATED},
                parameters=[account],
                **secured,
            ),
            "patch": editing("Change it", "BotChanges", bot, secured, account),
        },
    }  # fmt: skip


def contacts(identifier: dict[str, Any], secured: dict[str, Any]) -> dict[str, Any]:
    """The paths of contacts."""
    one = contact_documents.ContactDocument
    overtaken = {"409": problem("It was undone already")}
    unmerge = editing("They are two again", "UnmergeDraft", one, secured, identifier)
    unmerge["responses"] |= overtaken
    return {
        "/contacts": getting(
            "Who writes, the newest first",
            {
                "200": answer(contact_documents.ContactsDocument, "Contacts, without their figures"),
                "422": problem("The query does not fit"),
                **UNAUTHENTICATED,
            },
            parameters=[
                {"name": "q", "in": "query", "schema": {"type": "string", "maxLength": 100}},
                {"name": "before", "in": "query", "schema": identifier["schema"]},
                LIMIT,
            ],
            **secured,
        ),
        "/contacts/{id}": {
            **getting(
                "A contact, what is known of them and how they wrote",
                {"200": answer(one, "The contact"), "404": problem("There is no such contact"), **UNAUTHENTICATED},
                parameters=[identifier],
                **secured,
            ),
            "patch": editing("Write down what you know", "ContactChanges", one, secured, identifier),
        },
        "/contacts/{id}/merge": {
            "post": editing("Another contact goes on as this one", "MergeDraft", one, secured, identifier)
        },
        "/contacts/{id}/unmerge": {"post": unmerge},
    }


def looking_up(names: list[str]) -> dict[str, Any]:
    """What agents look up."""
    document = {"content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "summary": "An agent looks something up in the conversation that it answers, with the token of its request",
        "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"enum": names}}],
        "requestBody": {"required": True, **document},
        "responses": {
            "200": {"description": "What was found", **document},
            "400": problem("Not JSON"),
            "404": problem("There is no such tool"),
            "413": problem("The body is too large"),
            "415": problem("The body is not UTF-8"),
            "422": problem("The arguments do not fit"),
            **UNAUTHENTICATED,
            **UNAVAILABLE,
        },
        "security": [{"token": []}],
    }


def correcting(identifier: dict[str, Any], secured: dict[str, Any]) -> dict[str, Any]:
    """How a person corrects a judgement."""
    document = editing(
        "Say how it should have been judged", "AnalysisCorrection", documents.MessageDocument, secured, identifier
    )
    document["responses"] |= {"409": problem("It is not judged yet")}
    return document
