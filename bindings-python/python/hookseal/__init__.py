"""Signs, verifies and delivers webhooks.

>>> import hookseal
>>> headers = hookseal.Signer("whsec_demo").sign(b'{"id":42}', id="evt_1", event_type="order.paid")
>>> verified = hookseal.Verifier("whsec_demo").verify(b'{"id":42}', headers)
>>> verified.id, verified.event_type
('evt_1', 'order.paid')
"""

from ._native import Key, KeyRing, KeyStats, ReplayGuard, Scheme, Secret, Signer, Verified, Verifier
from .errors import ConfigError, SendError, StoreError, VerificationError, WebhookError

__all__ = [
    "ConfigError",
    "Key",
    "KeyRing",
    "KeyStats",
    "ReplayGuard",
    "Scheme",
    "Secret",
    "SendError",
    "Signer",
    "StoreError",
    "VerificationError",
    "Verified",
    "Verifier",
    "WebhookError",
]
