"""A webhook receiver in Starlette, once as a decorated endpoint and once behind the ASGI middleware.

HOOKSEAL_SECRET=whsec_demo uvicorn app:app
"""

import os

from hookseal import ReplayGuard, Verifier
from hookseal.asgi import WebhookMiddleware, event_of
from hookseal.starlette import WebhookEvent, receive
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

verifier = Verifier(os.environ.get("HOOKSEAL_SECRET", ""), replay=ReplayGuard())


@receive(verifier)
async def hooks(_request: Request, event: WebhookEvent) -> Response:
    """The event comes as an argument."""
    print(event.id, event.type, event.json(), flush=True)
    return Response(status_code=204)


async def guarded(request: Request) -> Response:
    """The middleware has verified the request; the event is in its scope, and the body can be read as ever."""
    event = event_of(request.scope)
    print(event.id, event.type, await request.json(), flush=True)
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/hooks", hooks, methods=["POST"]),
        Route("/guarded", guarded, methods=["POST"], middleware=[Middleware(WebhookMiddleware, verifier=verifier)]),
    ]
)
