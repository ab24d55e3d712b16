"""JSON endpoints for page, scripts and control: a body checked by a model, errors as sentences."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.workspace.errors import SlackError, WorkspaceRefused
from bot.workspace.model import Json

Answer = Json | list[Any]


class Body(BaseModel):
    """Base of the bodies these endpoints take."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


B = TypeVar("B", bound=Body)


def respond(answer: Answer, status: int = 200) -> Response:
    return Response(orjson.dumps(answer), status_code=status, media_type="application/json")


def refuse(detail: str, hint: str = "") -> Response:
    return respond({"ok": False, "error": "bad_input", "detail": detail, "hint": hint}, 400)


def get(path: str, answer: Callable[[Request], Answer | Awaitable[Answer]]) -> Route:
    """A GET endpoint."""

    async def endpoint(request: Request) -> Response:
        try:
            found = answer(request)
            return respond(await found if isinstance(found, Awaitable) else found)
        except WorkspaceRefused as error:
            return refuse(error.detail, error.hint)

    return Route(path, endpoint, methods=["GET"])


def post(
    path: str, model: type[B], answer: Callable[[B], Answer | Awaitable[Answer]], method: str = "POST"
) -> Route:
    """An endpoint that takes a JSON body of this model."""

    async def endpoint(request: Request) -> Response:
        try:
            body = model.model_validate_json(await request.body() or b"{}")
            done = answer(body)
            return respond(await done if isinstance(done, Awaitable) else done)
        except ValidationError as error:
            wrong = ", ".join(
                ".".join(str(part) for part in each["loc"]) + ": " + each["msg"]
                for each in error.errors(include_input=False, include_url=False, include_context=False)
            )
            return refuse(f"the body does not fit: {wrong}")
        except WorkspaceRefused as error:
            return refuse(error.detail, error.hint)
        except SlackError as error:
            return respond(error.answer(), 400)

    return Route(path, endpoint, methods=[method])
