"""Starts a receiver in each of three languages, sends them one event from every language, and shows who sent what to whom.

Called by `make demo`, after `examples/demo/run` has built the packages.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "examples/demo"
PYTHON = ROOT / ".venv/bin/python"
SECRET = "whsec_demo"
WITHOUT = os.environ.get("HOOKSEAL_WITHOUT", "").split()
ATTEMPTS = {"FastAPI": 1, "Express": 3, "Swift server": 2}
STORIES = {
    "FastAPI": "has rotated its secret: 'new' and 'old' are live, and the senders still use the old one",
    "Express": "is out of order: it answers 503 to the first two attempts of each message",
    "Swift server": "refuses copies, and its handler fails once for each message: the next attempt is no copy then",
}


def receivers(ports: dict[str, int]) -> dict[str, list[str]]:
    uvicorn = [str(PYTHON), "-m", "uvicorn", "receiver:app", "--log-level", "warning", "--host", "127.0.0.1"]
    every = {
        "FastAPI": [*uvicorn, "--port", str(ports["FastAPI"])],
        "Express": ["node", "receiver.mjs", str(ports["Express"])],
        "Swift server": [str(ROOT / "tests/swift/example-server"), str(ports["Swift server"]), "1"],
    }
    return {name: command for name, command in every.items() if name.split()[0].lower() not in WITHOUT}


def senders(url: str, message_id: str) -> dict[str, list[str]]:
    rust = [
        "send",
        url,
        "--type",
        "order.paid",
        "--data",
        '{"id":42}',
        "--id",
        message_id,
        "--allow-private",
        "--max-attempts",
        "5",
        "--json",
    ]
    every = {
        "Rust": [str(ROOT / "target/release/hookseal"), *rust],
        "Python": [str(PYTHON), "send.py", url, message_id],
        "Node": ["node", "send.mjs", url, message_id],
        "Swift": [str(ROOT / "tests/swift/tool"), "send", url, "order.paid", SECRET, message_id],
        "Kotlin": [str(ROOT / "tests/kotlin/tool"), "send", url, "order.paid", SECRET, message_id],
    }
    return {name: command for name, command in every.items() if name.lower() not in WITHOUT}


def main() -> int:
    ports = {name: free_port() for name in STORIES}
    with contextlib.ExitStack() as stack:
        started = receivers(ports)
        for name, command in started.items():
            stack.enter_context(running(command))
            wait_for(ports[name])
        print("The receivers are up:")
        for name in started:
            print(f"  {name} on port {ports[name]} {STORIES[name]}")
        print()
        rows, complete = [], True
        for receiver in started:
            port, where = ports[receiver], receiver.split()[0].lower()
            url = f"http://127.0.0.1:{port}/hooks"
            names = list(senders(url, ""))
            deliveries = {name: send(senders(url, f"evt_{name.lower()}_{where}")[name]) for name in names}
            received = {event["id"]: event for event in get(port, "/received")}
            for name in names:
                message_id = f"evt_{name.lower()}_{where}"
                delivery, event = deliveries[name], received.get(message_id)
                good = delivery["status"] == "delivered" and event is not None and event["data"] == {"id": 42}
                good = good and len(delivery["attempts"]) == ATTEMPTS[receiver]
                complete = complete and good
                answers = " ".join(str(status or "-") for status in delivery["attempts"])
                seen = f"{event['type']} {event['data']}" if event else "nothing"
                key = f"{event['version']}, key {event['key']}" if event else "-"
                rows.append(
                    [name, receiver, message_id, answers, delivery["status"], seen, key, "ok" if good else "MISSING"]
                )
        show(["sender", "receiver", "message", "answers", "outcome", "receiver saw", "verified by", ""], rows)
    for name in WITHOUT:
        print(f"skipped: {name}, which can not be built here")
    delivered = sum(row[-1] == "ok" for row in rows)
    print(f"\n{delivered} of {len(rows)} messages were signed, delivered once each and verified.")
    return 0 if complete else 1


def send(command: list[str]) -> dict:
    environment = {**os.environ, "HOOKSEAL_SECRET": SECRET}
    payload = b'{"id":42}'
    run = subprocess.run(
        command, cwd=HERE, input=payload, stdout=subprocess.PIPE, env=environment, timeout=120, check=False
    )
    try:
        delivery = json.loads(run.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"status": f"exit {run.returncode}", "attempts": []}
    attempts = [it["status_code"] if isinstance(it, dict) else it for it in delivery["attempts"]]
    return {"status": delivery["status"], "attempts": attempts}


def get(port: int, path: str) -> list[dict]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return json.load(response)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            get(port, "/received")
            return
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"the receiver on port {port} did not start: {error}") from error
            time.sleep(0.05)


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[None]:
    environment = {**os.environ, "HOOKSEAL_SECRET": SECRET}
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, env=environment)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def show(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
