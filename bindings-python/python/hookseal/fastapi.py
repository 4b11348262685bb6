"""FastAPI: a dependency that reads the raw body, verifies it, and only then hands it over.

>>> from typing import Annotated
>>> from fastapi import Depends, FastAPI
>>> from hookseal import Verifier
>>> from hookseal.fastapi import WebhookEvent, receive
>>> app = FastAPI()
>>> verifier = Verifier("whsec_demo")
>>> @app.post("/hooks")
... async def hooks(event: Annotated[WebhookEvent, Depends(receive(verifier))]) -> None:
...     print(event.id, event.type, event.json())
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Generic, TypeVar, cast, overload

from ._native import Scheme, Verifier
from ._receive import MAX_BODY, REFUSED, Receiver, RefusedError, WebhookEvent, consumed, handling, missing
from .errors import ConfigError

try:
    from fastapi import HTTPException, Request, Response
    from fastapi.exceptions import RequestValidationError
    from pydantic import TypeAdapter, ValidationError
except ModuleNotFoundError as error:
    raise missing("fastapi", "fastapi") from error

from .starlette import accept, sender_lifespan, sender_of

__all__ = ["Receive", "WebhookEvent", "receive", "sender_lifespan", "sender_of"]

Data = TypeVar("Data", covariant=True)
Model = TypeVar("Model")


class Receive(Generic[Data]):
    """The dependency that `receive` makes: give it to `Depends`, and keep it to name it in `dependency_overrides`."""

    def __init__(self, receiver: Receiver, model: "TypeAdapter[Data] | None") -> None:
        self._receiver = receiver
        self._model = model

    async def __call__(self, request: Request, response: Response) -> AsyncIterator[WebhookEvent[Data]]:
        """Hands the verified event over, and lets copies in again when the handler fails."""
        if getattr(request.scope.get("route"), "body_field", None) is not None:
            raise consumed(
                "A body parameter of this route",
                "Remove the parameter and take what it held from the event: receive(verifier, model=…) and event.data.",
            )
        try:
            event = await accept(self._receiver, request)
        except RefusedError as refusal:
            raise HTTPException(refusal.status, REFUSED, refusal.headers) from refusal
        with handling(event) as answered:
            yield replace(cast("WebhookEvent[Any]", event), data=self._validated(event))
            answered(response.status_code or 200)

    def _validated(self, event: WebhookEvent[None]) -> Data | None:
        if self._model is None:
            return None
        try:
            return self._model.validate_json(event.body)
        except ValidationError as error:
            errors = [{**it, "loc": ("body", *it["loc"])} for it in error.errors(include_url=False)]
            raise RequestValidationError(errors) from error

    @property
    def openapi(self) -> dict[str, Any]:
        """What the dependency reads and answers, for a route's `openapi_extra`: headers, body and refusals."""
        scheme = self._receiver.verifier.scheme
        document = scheme.to_dict()
        required = {document["signature"]["header"], document.get("timestamp", {}).get("header")}
        if scheme.signs_id:
            required.add(document["id"]["header"])
        parameters = [
            {"name": name, "in": "header", "required": name in required, "schema": {"type": "string"}}
            for name in self._receiver.verifier.header_names
        ]
        schema: dict[str, Any] = {}
        refused = {"400": "The signature does not verify", "413": "The body is too large", "425": "A copy; try again"}
        if self._model is not None:
            schema = inlined(self._model.json_schema())
            refused["422"] = "The body is authentic and has another form"
        media_type = "application/x-www-form-urlencoded" if signs_form(scheme) else "application/json"
        return {
            "parameters": parameters,
            "requestBody": {"required": True, "content": {media_type: {"schema": schema}}},
            "responses": {status: {"description": description} for status, description in refused.items()},
        }


@overload
def receive(
    verifier: Verifier, *, model: None = None, max_body: int = MAX_BODY, public_url: str | None = None
) -> Receive[None]: ...


@overload
def receive(
    verifier: Verifier,
    *,
    model: "type[Model] | TypeAdapter[Model]",
    max_body: int = MAX_BODY,
    public_url: str | None = None,
) -> Receive[Model]: ...


def receive(
    verifier: Verifier, *, model: Any = None, max_body: int = MAX_BODY, public_url: str | None = None
) -> Receive[Any]:
    """A dependency that gives a `WebhookEvent`, and `event.data` validated as `model` where one is given.

    What does not verify is answered 400, what is larger than `max_body` bytes (1 MiB) 413, a copy 425, and 503 when the
    replay guard has no room; the reason goes to the log. A body is parsed only after it was verified: what `model`, a
    Pydantic model, another type or a `TypeAdapter`, does not take is answered 422 as FastAPI does it. With a
    `ReplayGuard`, copies are let in again when the handler raises or sets a status that is no success; a handler that
    returns such a response by itself calls `event.release()`. `public_url`, such as `"https://shop.example"`, serves
    schemes that sign the URL. Raises `ConfigError` when an option can not be.

    Without a parameter for the body, FastAPI can not document it; `openapi_extra` does:

    >>> from typing import Annotated
    >>> from fastapi import Depends, FastAPI
    >>> from hookseal import Verifier
    >>> from pydantic import BaseModel
    >>> class OrderPaid(BaseModel):
    ...     id: int
    >>> orders = receive(Verifier("whsec_demo"), model=OrderPaid)
    >>> app = FastAPI()
    >>> @app.post("/orders", openapi_extra=orders.openapi)
    ... async def paid(event: Annotated[WebhookEvent[OrderPaid], Depends(orders)]) -> None:
    ...     print(event.data.id)
    >>> app.openapi()["paths"]["/orders"]["post"]["parameters"][0]["name"]
    'X-Webhook-Signature'
    """
    receiver = Receiver(verifier, max_body=max_body, public_url=public_url)
    if model is not None and signs_form(verifier.scheme):
        raise ConfigError(
            "invalid_config", f"a model is read from JSON, and the scheme {verifier.scheme.name} has forms"
        )
    return Receive(receiver, model if model is None or isinstance(model, TypeAdapter) else TypeAdapter(model))


def signs_form(scheme: Scheme) -> bool:
    """Whether bodies of the scheme are forms."""
    return "{form:sorted}" in str(scheme.to_dict())


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema without references, which mean another place in an OpenAPI document; a cycle ends in its title."""
    definitions = schema.pop("$defs", {})

    def resolve(node: Any, above: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [resolve(item, above) for item in node]
        if not isinstance(node, dict):
            return node
        name = str(node.get("$ref", "")).removeprefix("#/$defs/")
        if name in above:
            return {"title": name}
        if name in definitions:
            return {**resolve(definitions[name], (*above, name)), **resolve(_without(node, "$ref"), above)}
        return {
            key: resolve(value, above)
            for key, value in node.items()
            if not (key == "discriminator" and "mapping" in value)  # it names references too
        }

    return cast("dict[str, Any]", resolve(schema, ()))


def _without(node: dict[str, Any], key: str) -> dict[str, Any]:
    return {other: value for other, value in node.items() if other != key}
