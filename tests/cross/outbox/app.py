"""One application of many on a shared outbox: `app.mjs` in Python."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sqlite3
import sys
import threading
from urllib.parse import parse_qsl, urlencode, urlsplit

import hookseal

AT_ONCE = 8
ENCRYPTION_KEY = os.environ["ENCRYPTION_KEY"]


async def publish(uri: str, events: list[str]) -> None:
    async with hookseal.AsyncOutbox(uri, encryption_key=ENCRYPTION_KEY) as outbox:
        waiting = iter(events)

        async def one_after_the_other() -> None:
            for id in waiting:
                await outbox.publish("order.paid", {"id": id, "from": "python"}, id=id)

        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


def transact(uri: str, events: list[str]) -> None:
    outbox = hookseal.Outbox(uri)  # opens nothing
    postgres = uri.startswith("postgres")
    connection = connect_to_postgres(uri) if postgres else sqlite3.connect(uri.removeprefix("sqlite:"), timeout=30)
    for number, id in enumerate(events):
        style = "format" if postgres else "qmark"
        statement = outbox.publish_statement("order.paid", {"id": id, "from": "python"}, id=id, paramstyle=style)
        connection.execute(*statement)
        connection.rollback() if number % 2 else connection.commit()
    connection.close()


def connect_to_postgres(uri: str):
    import psycopg

    parts = urlsplit(uri)
    own = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name != "prefix"])
    return psycopg.connect(parts._replace(query=own).geturl())


def work(uri: str) -> None:
    with hookseal.Outbox(
        uri, encryption_key=ENCRYPTION_KEY, allow_private=True, poll=0.05, user_agent="python"
    ) as outbox:
        worker = outbox.worker(AT_ONCE)
        threading.Thread(target=lambda: (sys.stdin.read(), worker.stop())).start()
        worker.run()
        print(json.dumps(dataclasses.asdict(worker.counts)))


def main() -> None:
    task, uri, *more = sys.argv[1:]
    events = [f"{more[0]}-{number + 1}" for number in range(int(more[1]))] if more else []
    if task == "publish":
        asyncio.run(publish(uri, events))
    else:
        {"transact": lambda: transact(uri, events), "work": lambda: work(uri)}[task]()


if __name__ == "__main__":
    main()
