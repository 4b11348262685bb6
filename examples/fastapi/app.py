"""A webhook receiver.

HOOKSEAL_SECRET=whsec_demo uvicorn app:app
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI
from hookseal import ReplayGuard, Verifier
from hookseal.fastapi import WebhookEvent, receive

app = FastAPI()
verifier = Verifier(os.environ.get("HOOKSEAL_SECRET", ""), replay=ReplayGuard())


@app.post("/hooks", status_code=204)
async def hooks(event: Annotated[WebhookEvent, Depends(receive(verifier))]) -> None:
    print(event.id, event.type, event.json(), flush=True)
