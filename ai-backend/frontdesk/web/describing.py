"""Pieces of the API's description that its operations share."""

from typing import Any

from pydantic import BaseModel

from frontdesk.web import desk_documents

REFERENCE = "#/components/schemas/{model}"


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


UNAUTHENTICATED = {"401": problem("No valid signature, token or cookie")}
UNAVAILABLE = {"503": problem("The store is away, or too much is in hand: come back after Retry-After seconds")}
RESULT = "The message is stored, judged and routed"


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
            {"200": answer(desk_documents.DeadLettersDocument, "The oldest first"), **missing},
            parameters=[identifier],
            **secured,
        ),
    }
