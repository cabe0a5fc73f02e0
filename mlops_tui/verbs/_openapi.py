"""The protocol's description, made from the verbs: `/v1/openapi.json`, and `daemon openapi` where no daemon runs."""

from __future__ import annotations

from typing import Any

import msgspec

import mlops_tui
from mlops_tui.verbs import SCHEMA, Verb, all_verbs

_TEMPLATE = "#/components/schemas/{name}"


class ErrorBody(msgspec.Struct):
    """What went wrong: `code` for scripts, `message` and `hint` for people."""

    code: str
    message: str
    hint: str


class Failure(msgspec.Struct):
    error: ErrorBody


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of every verb with a route."""
    verbs = [verb for verb in all_verbs() if verb.service]
    types = [kind for verb in verbs for kind in (verb.input, verb.output)]
    schemas, components = msgspec.json.schema_components([*types, Failure], ref_template=_TEMPLATE)
    failure = schemas[-1]
    paths = {
        f"/v1/{verb.path}": {"post": _operation(verb, schemas[2 * n], schemas[2 * n + 1], failure)}
        for n, verb in enumerate(verbs)
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "mlops-tui", "version": mlops_tui.__version__, "x-schema": SCHEMA},
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(
    verb: Verb, body: dict[str, Any], answer: dict[str, Any], failure: dict[str, Any]
) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    if verb.writes:
        parameters.append(_header("Idempotency-Key", "the same key twice does it once"))
        parameters.append(_header("X-Actor", "on whose behalf; stands beside the user in the ledger"))
    if verb.plans:
        parameters.append(
            {"name": "dry_run", "in": "query", "schema": {"type": "integer", "enum": [0, 1]},
             "description": "1: answer with the Plan and do nothing"}
        )  # fmt: skip
    return {
        "operationId": verb.key.replace(" ", "_"),
        "tags": [verb.noun or "top"],
        "summary": verb.summary,
        "description": verb.help,
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": answer}}},
            "default": {"description": "not done", "content": {"application/json": {"schema": failure}}},
        },
    }


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}
