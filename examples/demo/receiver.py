"""A FastAPI receiver that has rotated its secret: the old one still verifies.

uvicorn receiver:app --port 8000
"""

from typing import Annotated, Any

from fastapi import Depends, FastAPI
from hookseal import Key, KeyRing, Secret, Verifier
from hookseal.fastapi import WebhookEvent, receive

app = FastAPI()
ring = KeyRing([Key(Secret("whsec_new"), id="new"), Key(Secret("whsec_demo"), id="old")])
verifier = Verifier(ring)
received: list[dict[str, Any]] = []


@app.post("/hooks", status_code=204)
async def hooks(event: Annotated[WebhookEvent, Depends(receive(verifier))]) -> None:
    seen = event.verified
    received.append(
        {"id": event.id, "type": event.type, "data": event.json(), "key": seen.key_id, "version": seen.version}
    )


@app.get("/received")
async def list_received() -> list[dict[str, Any]]:
    return received
