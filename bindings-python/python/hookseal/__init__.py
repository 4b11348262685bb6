"""Signs, verifies and delivers webhooks.

>>> import hookseal
>>> headers = hookseal.Signer("whsec_demo").sign(b'{"id":42}', id="evt_1", event_type="order.paid")
>>> verified = hookseal.Verifier("whsec_demo").verify(b'{"id":42}', headers)
>>> verified.id, verified.event_type
('evt_1', 'order.paid')
"""

import atexit

from ._native import (
    Finding,
    Key,
    KeyRing,
    KeyStats,
    ReplayGuard,
    Scheme,
    Secret,
    Signer,
    Verified,
    Verifier,
    __version__,
    diagnose,
    shut_down,
)
from ._outbox_worker import AsyncWorker, Worker
from ._pending import log_warnings
from .delivery import Attempt, Delivery, SenderEvent
from .endpoint import Endpoint, Plan, RetryPolicy, plan
from .errors import ConfigError, SendError, StoreError, VerificationError, WebhookError
from .events import SenderEvents
from .outbox import AsyncOutbox, Outbox
from .sender import AsyncSender, Handle, Sender
from .stored import OutboxStatus, Page, Published, StoredDelivery, Subscription, WorkerCounts

__all__ = [
    "AsyncOutbox",
    "AsyncSender",
    "AsyncWorker",
    "Attempt",
    "ConfigError",
    "Delivery",
    "Endpoint",
    "Finding",
    "Handle",
    "Key",
    "KeyRing",
    "KeyStats",
    "Outbox",
    "OutboxStatus",
    "Page",
    "Plan",
    "Published",
    "ReplayGuard",
    "RetryPolicy",
    "Scheme",
    "Secret",
    "SendError",
    "Sender",
    "SenderEvent",
    "SenderEvents",
    "Signer",
    "StoreError",
    "StoredDelivery",
    "Subscription",
    "VerificationError",
    "Verified",
    "Verifier",
    "WebhookError",
    "Worker",
    "WorkerCounts",
    "__version__",
    "diagnose",
    "plan",
]

atexit.register(log_warnings)  # after shut_down: the last one in is the first one out
atexit.register(shut_down)
del atexit, log_warnings, shut_down
