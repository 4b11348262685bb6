"""A webhook receiver, and a sender of its own webhooks, in FastAPI.

HOOKSEAL_SECRET=whsec_demo uvicorn app:app
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI
from hookseal import AsyncSender, Endpoint, ReplayGuard, Verifier
from hookseal.fastapi import WebhookEvent, receive, sender_lifespan, sender_of
from pydantic import BaseModel

SECRET = os.environ.get("HOOKSEAL_SECRET", "")


class Order(BaseModel):
    """What an event of this shop carries."""

    id: int


app = FastAPI(lifespan=sender_lifespan(lambda: AsyncSender(allow_private=True)))  # development only: it sends to itself
verifier = Verifier(SECRET, replay=ReplayGuard())
orders = receive(verifier, model=Order)


@app.post("/hooks", status_code=204)
async def hooks(event: Annotated[WebhookEvent, Depends(receive(verifier))]) -> None:
    """Any event."""
    print(event.id, event.type, event.json(), flush=True)


@app.post("/orders", status_code=204, openapi_extra=orders.openapi)
async def paid(event: Annotated[WebhookEvent[Order], Depends(orders)]) -> None:
    """Only orders, validated after they were verified."""
    print(event.id, event.type, event.data, flush=True)


@app.post("/pay/{order_id}")
async def pay(order_id: int, url: str, sender: Annotated[AsyncSender, Depends(sender_of)]) -> str:
    """Sends a webhook and tells how that went."""
    delivery = await sender.send(Endpoint(url, secrets=[SECRET]), "order.paid", Order(id=order_id).model_dump())
    return delivery.status
