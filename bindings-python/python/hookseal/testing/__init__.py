"""Testing what receives and sends webhooks.

An application that receives is given what `signed_request` makes, for any scheme:

>>> from hookseal import Verifier
>>> from hookseal.testing import frozen_time, signed_request
>>> request = signed_request({"id": 42}, scheme="stripe")
>>> verifier = Verifier(request.secret, scheme="stripe")
>>> verifier.verify(request.body, request.headers).version
'v1'
>>> with frozen_time() as clock:
...     clock.advance(301)
...     verifier.verify(request.body, request.headers)
Traceback (most recent call last):
hookseal.errors.VerificationError: timestamp_too_old

An application that sends is given a `RecordingSender`, or a real sender with a `FakeReceiver` to send to:

>>> from hookseal import RetryPolicy, Sender
>>> from hookseal.testing import FakeReceiver
>>> with FakeReceiver(503, 204) as receiver, Sender(allow_private=True, retry=RetryPolicy(initial=0.01)) as sender:
...     delivery = sender.send(receiver.endpoint(), "order.paid", {"id": 42})
>>> [attempt.status_code for attempt in delivery.attempts], receiver.requests[1].json()
([503, 204], {'id': 42})

pytest finds fixtures of these by itself: `hookseal_request`, `hookseal_scheme`, `hookseal_receiver`, `hookseal_sender`,
`hookseal_async_sender` and `hookseal_clock`.
"""

from ._clock import Clock, frozen_time
from ._receiver import Answer, FakeReceiver, ReceivedRequest
from ._recording import RecordedSend, RecordingAsyncSender, RecordingSender
from ._request import SignedRequest, signed_request

__all__ = [
    "Answer",
    "Clock",
    "FakeReceiver",
    "ReceivedRequest",
    "RecordedSend",
    "RecordingAsyncSender",
    "RecordingSender",
    "SignedRequest",
    "frozen_time",
    "signed_request",
]
