"""Several processes on one store: they share its work, its file and its schema, and clocks may differ."""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import typing

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "soak"))
import parts

LEASE = 60_000  # milliseconds: nobody takes over from a slow machine
SUBSCRIPTIONS = 10
OPENERS = 8
EVENTS_EACH = 25
PATIENCE = 300  # seconds for one of these; none has taken a third of it


class Store:
    def __init__(self, program: pathlib.Path, kind: str, uri: str) -> None:
        self.program, self.kind, self.uri = program, kind, uri

    def start(self, *words: str, clock: str | None = None) -> subprocess.Popen[str]:
        """With a clock such as `+10m`, the process lives that far ahead."""
        faked = ["faketime", "-f", clock] if clock else []
        return subprocess.Popen(
            [*faked, str(self.program), self.uri, *words],
            env=os.environ | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: str, lines: typing.Sequence[str] = ()) -> list[dict]:
        return finish(self.start(*words), "".join(f"{line}\n" for line in lines))

    def change(self, sql: str) -> None:
        if self.kind == "sqlite":
            with contextlib.closing(sqlite3.connect(self.uri.removeprefix("sqlite:"), timeout=5)) as other, other:
                other.execute(sql.replace("{p}", "hookseal"))
            return
        server, _, prefix = self.uri.rpartition("prefix=")
        psql = f"{os.environ['HOOKSEAL_TEST_POSTGRES_BIN']}/psql"
        subprocess.run([psql, "-q", server.rstrip("?&"), "-c", sql.replace("{p}", prefix)], check=True)

    def work_off(self, *workers: subprocess.Popen[str]) -> list[dict]:
        """Waits until nothing is left, and answers with what each worker has done."""
        while True:
            [status] = self.run("status")
            if not status["pending"] and not status["events_waiting"]:
                break
            if ended := [worker for worker in workers if worker.poll() is not None]:
                raise SystemExit(f"a worker ended: {ended[0].communicate()}")
            time.sleep(0.2)  # other processes work; their store is asked
        return [finish(worker)[0] for worker in workers]


def finish(process: subprocess.Popen[str], text: str = "") -> list[dict]:
    out, errors = process.communicate(text)
    if process.returncode != 0:
        raise SystemExit(f"{process.args} ended with {process.returncode}: {errors}")
    return [json.loads(line) for line in out.splitlines()]


@contextlib.contextmanager
def bounded(what: str) -> typing.Iterator[None]:
    """Whatever this process waits for, it fails after a while; its children end when it does not write to them any more."""

    def give_up(*_: object) -> None:
        raise SystemExit(f"FAILED: {what} took more than {PATIENCE} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)


def expect(is_so: bool, what: object) -> None:
    if not is_so:
        raise SystemExit(f"FAILED: {what}")


def share(store: Store, deliveries: int, clocks: typing.Sequence[str | None] = (None, None)) -> None:
    """Workers in processes of their own make each delivery once."""
    receiver = parts.Receiver()
    store.run("subscribe", receiver.url, str(SUBSCRIPTIONS))
    store.run("fill", str(deliveries // SUBSCRIPTIONS))
    started = time.monotonic()
    workers = store.work_off(*(store.start("work", "64", str(LEASE), clock=clock) for clock in clocks))
    took = time.monotonic() - started
    stale = sum(counts["stale"] for counts in workers)
    shares = " + ".join(str(counts["delivered"]) for counts in workers)
    name = "clocks " + ", ".join(clock or "right" for clock in clocks) if any(clocks) else "two workers"
    print(
        f"{store.kind}: {name}: {deliveries} deliveries, {shares}; arrived twice {receiver.duplicates}, "
        f"refused outcomes {stale}; {took:.0f} s",
        flush=True,
    )
    expect(len(receiver.arrived) == deliveries, f"{len(receiver.arrived)} of {deliveries} arrived")
    expect(sum(counts["delivered"] for counts in workers) == deliveries, "each outcome is written once")
    # SQLite's clock is the process's own: one that is ahead finds leases ended that are not, and fencing counts them.
    twice_is_possible = store.kind == "sqlite" and any(clocks)
    expect(receiver.duplicates <= (stale if twice_is_possible else 0), "a delivery was made twice")
    expect(twice_is_possible or stale == 0, "an outcome was refused")


def open_at_once(store: Store) -> None:
    """Processes that find no tables make them once, and publish without one failure."""
    ids = [[f"evt_{process}_{number}" for number in range(EVENTS_EACH)] for process in range(OPENERS)]
    with concurrent.futures.ThreadPoolExecutor(OPENERS) as pool:
        answers = [answer for part in pool.map(lambda part: store.run("publish", lines=part), ids) for answer in part]
    expect(all(answer.get("duplicate") is False for answer in answers), answers)
    [status] = store.run("status")
    expect(status["events_waiting"] == len(answers) == OPENERS * EVENTS_EACH, status)
    print(f"{store.kind}: {OPENERS} processes opened an empty store at once and published {len(answers)} events")


def upgrade_under_load(store: Store) -> None:
    """Another process upgrades the schema: who is at work goes on, and who comes later is refused in plain words."""
    receiver = parts.Receiver()
    store.run("subscribe", receiver.url, str(SUBSCRIPTIONS))
    worker, publisher = store.start("work", "8", str(LEASE)), store.start("publish")

    def publish(number: int) -> None:
        publisher.stdin.write(f"evt_{number}\n")
        publisher.stdin.flush()
        answer = json.loads(publisher.stdout.readline())
        expect(answer.get("duplicate") is False, answer)

    for number in range(20):
        publish(number)
    store.change("UPDATE {p}_meta SET value = '99' WHERE key = 'schema'")
    for number in range(20, 40):
        publish(number)
    late = store.start("status")
    _, errors = late.communicate()
    expect(late.returncode != 0 and "schema 99" in errors and "upgrade" in errors, errors)
    deadline = time.monotonic() + 60
    while len(receiver.arrived) < 40 * SUBSCRIPTIONS and time.monotonic() < deadline:
        time.sleep(0.1)  # another process works; the deadline bounds it
    finish(publisher)
    [counts] = finish(worker)
    expect(counts["delivered"] == 40 * SUBSCRIPTIONS == len(receiver.arrived), counts)
    store.change("UPDATE {p}_meta SET value = '2' WHERE key = 'schema'")
    # An attempt that hangs ends after three quarters of the lease, 45 s, and is made again 5 s later.
    made = f"{counts['delivered']} deliveries were made, {counts['retrying']} of them again"
    print(f"{store.kind}: a newer schema came while {made}; newcomers were refused")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--program", type=pathlib.Path, required=True)
    options.add_argument("--store", choices=["sqlite", "postgres"], action="append", required=True)
    options.add_argument("--deliveries", type=int, default=5_000)
    given = options.parse_args()
    clocks = [(None, "+10m"), ("-10m", None)] if shutil.which("faketime") else []
    for kind in given.store:

        @contextlib.contextmanager
        def fresh(name: str, kind: str = kind) -> typing.Iterator[Store]:
            with parts.store(kind, name) as uri, bounded(f"{kind}: {name}"):
                yield Store(given.program, kind, uri)

        with fresh("open") as store:
            open_at_once(store)
        with fresh("upgrade") as store:
            upgrade_under_load(store)
        for number, pair in enumerate(clocks):
            with fresh(f"skew{number}_") as store:
                share(store, 500, pair)
        with fresh("share") as store:
            share(store, given.deliveries)
    if not clocks:
        print("skipped: workers whose clocks are off (no faketime here: Debian's package faketime)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
