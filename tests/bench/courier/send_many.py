"""`AsyncSender.send_many` beside an aiohttp loop that signs with hmac: prints rows of a Markdown table. The argument is the sink."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import platform
import statistics
import subprocess
import sys
import time

import aiohttp
import hookseal

IN_FLIGHT = 64
DELIVERIES = 1_500
TURNS = 15
SECRET = "whsec_bench"
PAYLOAD = json.dumps({"id": 42, "note": "x" * 1000}).encode()


async def ours(sender: hookseal.AsyncSender, endpoint: hookseal.Endpoint) -> float:
    start = time.perf_counter()
    deliveries = await sender.send_many([(endpoint, "order.paid", PAYLOAD)] * DELIVERIES)
    elapsed = time.perf_counter() - start
    assert all(delivery.status == "delivered" and len(delivery.attempts) == 1 for delivery in deliveries)
    return DELIVERIES / elapsed


async def theirs(session: aiohttp.ClientSession, url: str) -> float:
    numbers = iter(range(DELIVERIES))

    async def work() -> None:
        for _ in numbers:
            now = int(time.time())
            signature = hmac.new(SECRET.encode(), b"%d." % now + PAYLOAD, hashlib.sha256).hexdigest()
            headers = {"content-type": "application/json", "x-webhook-signature": f"t={now},v1={signature}"}
            async with session.post(url, data=PAYLOAD, headers=headers) as response:
                response.raise_for_status()
                await response.read()

    start = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return DELIVERIES / (time.perf_counter() - start)


async def main(url: str) -> None:
    endpoint = hookseal.Endpoint(url, secrets=[SECRET])
    options = {"max_in_flight": IN_FLIGHT, "max_in_flight_per_endpoint": IN_FLIGHT}
    async with (
        hookseal.AsyncSender(allow_private=True, **options) as sender,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session,
    ):
        await ours(sender, endpoint)
        await theirs(session, url)
        turns = []
        for turn in range(TURNS):
            if turn % 2:
                loop = await theirs(session, url)
                turns.append((await ours(sender, endpoint), loop))
            else:
                turns.append((await ours(sender, endpoint), await theirs(session, url)))
    low, ratio, high = statistics.quantiles([many / loop for many, loop in turns], n=4)
    many, loop = (statistics.median(side) for side in zip(*turns, strict=True))
    peer = f"aiohttp {aiohttp.__version__} with hmac, Python {platform.python_version()}"
    print(f"| `AsyncSender.send_many` / {peer} | {many:.0f} | {loop:.0f} | {ratio:.2f} | {low:.2f} - {high:.2f} | 3 |")


with subprocess.Popen([sys.argv[1], "sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sink:
    assert sink.stdin is not None and sink.stdout is not None
    asyncio.run(main(f"http://127.0.0.1:{sink.stdout.readline().strip()}/"))
    sink.stdin.close()
