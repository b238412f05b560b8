"""Pieces of the API's description that its operations share."""

from typing import Any

from pydantic import BaseModel

from frontdesk.web import documents

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
    summary: str, body: str, status: str, secured: dict[str, Any], *parameters: dict[str, Any]
) -> dict[str, Any]:
    """A task that a person makes or changes."""
    return {
        "summary": summary,
        "parameters": list(parameters),
        "requestBody": request_body(body),
        "responses": {
            status: answer(documents.TaskDocument, "The task"),
            "400": problem("Not JSON"),
            "404": problem("There is no such task"),
            "413": problem("The body is too large"),
            "415": problem("The body is not UTF-8"),
            "422": problem("The body does not fit the contract"),
            **UNAUTHENTICATED,
            **UNAVAILABLE,
        },
        **secured,
    }
