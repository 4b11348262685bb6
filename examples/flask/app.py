"""A webhook receiver in Flask.

HOOKSEAL_SECRET=whsec_demo flask run
"""

import os

from flask import Flask
from hookseal import ReplayGuard, Verifier
from hookseal.flask import WebhookEvent, receive

app = Flask(__name__)
verifier = Verifier(os.environ.get("HOOKSEAL_SECRET", ""), replay=ReplayGuard())


@app.post("/hooks")
@receive(verifier)
def hooks(event: WebhookEvent) -> tuple[str, int]:
    """Any event."""
    print(event.id, event.type, event.json(), flush=True)
    return "", 204
