"""Sends one event: `python send.py URL ID`, and prints the delivery as JSON."""

import json
import sys

import hookseal

url, message_id = sys.argv[1:]
retry = hookseal.RetryPolicy(initial=0.1, max_attempts=5)
with hookseal.Sender(
    retry=retry, allow_private=True
) as sender:  # allow_private: the demo's receivers are on this machine
    endpoint = hookseal.Endpoint(url, secrets=["whsec_demo"])
    delivery = sender.send(endpoint, "order.paid", {"id": 42}, id=message_id)
print(json.dumps({"status": delivery.status, "attempts": [attempt.status_code for attempt in delivery.attempts]}))
