"""A webhook receiver in AWS Lambda, behind API Gateway, a function URL or a load balancer.

Deploy it with the handler `app.handler` and HOOKSEAL_SECRET in its environment.
"""

import os

from hookseal import ReplayGuard, Verifier
from hookseal.aws_lambda import WebhookEvent, receive

verifier = Verifier(os.environ.get("HOOKSEAL_SECRET", ""), replay=ReplayGuard())


@receive(verifier)
def handler(event: WebhookEvent, _context: object) -> None:
    """Any event."""
    print(event.id, event.type, event.json(), flush=True)
