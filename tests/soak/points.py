"""Ends an outbox's processes at each named point, and holds what was acknowledged against what arrived.

One process at a time is ended, by its own hand and at a known moment, so that the number of duplicates has narrow bounds.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import typing

import parts

PATIENCE = 60  # seconds for what takes less than five on an idle machine
BATCH = 5
IN_HAND = 8  # deliveries of a worker that makes one attempt at a time
SUBSCRIPTIONS = 3
FULL_PAGE = 500  # subscriptions that an event's fan-out looks at in one transaction
BOTH = ("sqlite", "postgres")


class Point(typing.NamedTuple):
    role: str  # opener, publisher, worker or cleaner: who is ended
    name: str
    passes: tuple[int, int] = (1, 1)  # at which pass, from and to
    duplicates: tuple[int, int] = (0, 0)  # how many deliveries of a round arrive twice, at least and at most
    stored: bool | None = None  # whether the event that was under way is in the store, where that is known
    stores: tuple[str, ...] = BOTH


# A process's first commit is the look at the schema; of an opener's two, the second makes the tables.
POINTS = [
    Point("opener", "commit.before", (1, 2)),
    Point("opener", "commit.sent", (1, 2), stores=("postgres",)),
    Point("opener", "commit.after", (1, 2)),
    Point("publisher", "commit.before", (2, 5), stored=False, stores=("sqlite",)),
    Point("publisher", "commit.after", (2, 5), stored=True, stores=("sqlite",)),
    # Notices to other processes are commits too.
    Point("publisher", "commit.before", (2, 8), stores=("postgres",)),
    Point("publisher", "commit.sent", (2, 8), stores=("postgres",)),
    Point("publisher", "commit.after", (2, 8), stores=("postgres",)),
    Point("publisher", "publish.committed", (1, 4), stored=True),
    Point("worker", "fan_out.page", (1, 2)),
    Point("worker", "claim.taken"),
    Point("worker", "attempt.answered", (1, 3), duplicates=(1, IN_HAND)),
    # Others that it has in hand may have arrived by then.
    Point("worker", "outcome.written", (1, 3), duplicates=(0, IN_HAND - 1)),
    # Whose commit it is is left to chance: of outcomes, it makes duplicates.
    Point("worker", "commit.before", (2, 12), duplicates=(0, IN_HAND)),
    Point("worker", "commit.sent", (2, 12), duplicates=(0, IN_HAND), stores=("postgres",)),
    Point("worker", "commit.after", (2, 12), duplicates=(0, IN_HAND)),
    Point("cleaner", "clean_up.portion"),
    Point("cleaner", "commit.before", (2, 5)),
    Point("cleaner", "commit.after", (2, 5)),
]


class Failed(Exception):
    pass


class Trial:
    """The rounds of one point on one store."""

    def __init__(self, program: pathlib.Path, kind: str, point: Point, seed: int) -> None:
        self.program, self.kind, self.point = program, kind, point
        self.chance = random.Random(f"{seed} {kind} {point.role} {point.name}")
        self.receiver = parts.Receiver()
        self.numbers = itertools.count()
        self.acknowledged: set[str] = set()
        self.store = ""

    def start(self, *words: str, crash: str | None = None) -> subprocess.Popen[str]:
        environment = {key: value for key, value in os.environ.items() if key != "HOOKSEAL_CRASH"}
        return subprocess.Popen(
            [str(self.program), self.store, *words],
            env=environment | ({"HOOKSEAL_CRASH": crash} if crash else {}),
            text=True,
            bufsize=1,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ask(self, *words: str, lines: list[str] | None = None) -> list[typing.Any]:
        process = self.start(*words)
        out, errors = process.communicate("".join(f"{line}\n" for line in lines or []), timeout=PATIENCE)
        if process.returncode != 0:
            raise Failed(f"{words[0]} ended with {process.returncode}: {errors}")
        return [json.loads(line) for line in out.splitlines()]

    def has_crashed(self, process: subprocess.Popen[str]) -> None:
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failed("the point was not reached") from None
        if status != -signal.SIGABRT:
            raise Failed(f"ended with {status}, not at the point: {process.stderr.read()}")
        parts.close(process)

    def run(self, rounds: int) -> tuple[str, ...]:
        for _ in range(rounds if self.point.role == "opener" else 1):
            with parts.store(self.kind, f"p{next(NAMES)}_") as self.store:
                self.rounds(1 if self.point.role == "opener" else rounds)
        low, high = (rounds * count for count in self.point.duplicates)
        if not low <= self.receiver.duplicates <= high:
            raise Failed(f"{self.receiver.duplicates} duplicates, and not {low} to {high}")
        return (
            str(rounds),
            str(len(self.acknowledged)),
            str(len(self.receiver.arrived)),
            *self.left,
            str(self.receiver.duplicates),
        )

    def rounds(self, rounds: int) -> None:
        one_round = getattr(self, self.point.role)
        if self.point.role != "opener":
            if self.point.name == "fan_out.page":
                self.ask("subscribe", self.receiver.url, str(FULL_PAGE), "other.*")
            self.ask("subscribe", self.receiver.url, str(SUBSCRIPTIONS))
        for _ in range(rounds):
            one_round(f"{self.point.name}:{self.chance.randint(*self.point.passes)}")
            status = self.drain()
        if self.point.role == "cleaner":
            self.ask("clean")
            [status] = self.ask("status")
            if status["delivered"]:
                raise Failed(f"{status['delivered']} finished deliveries stay for ever")
        self.left = (str(status["dead"]), str(status["pending"]))
        lost = self.acknowledged - self.receiver.events
        deliveries = SUBSCRIPTIONS * len(self.acknowledged)
        if lost or not self.acknowledged or status["dead"] or len(self.receiver.arrived) != deliveries:
            raise Failed(
                f"of {deliveries} deliveries {len(self.receiver.arrived)} arrived; lost events: {sorted(lost)}"
            )

    def publish(self) -> None:
        ids = [f"evt_{next(self.numbers)}" for _ in range(BATCH)]
        answers = self.ask("publish", lines=ids)
        self.acknowledged |= {answer["id"] for answer in answers}

    def drain(self) -> dict[str, int]:
        worker = self.start("work", "4")
        deadline = time.monotonic() + PATIENCE
        while True:
            [status] = self.ask("status")
            if not status["pending"] and not status["events_waiting"]:
                break
            if time.monotonic() > deadline:
                raise Failed(f"not finished: {status}")
            time.sleep(0.1)  # another process works; its store is asked, and the deadline bounds it
        worker.communicate("", timeout=PATIENCE)
        return status

    def opener(self, crash: str) -> None:
        self.has_crashed(self.start("status", crash=crash))
        self.ask("subscribe", self.receiver.url, str(SUBSCRIPTIONS))
        self.publish()

    def publisher(self, crash: str) -> None:
        process = self.start("publish", crash=crash)
        while True:
            id = f"evt_{next(self.numbers)}"
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(f"{id}\n")
            answer = process.stdout.readline()
            if not answer.endswith("\n"):
                break
            self.acknowledged.add(json.loads(answer)["id"])
        self.has_crashed(process)
        # Nobody knows whether it was accepted; publishing it again does no harm.
        [again] = self.ask("publish", lines=[id])
        if self.point.stored not in (None, again["duplicate"]):
            raise Failed(f"the event was {'' if self.point.stored else 'not '}to be stored: {again}")
        self.acknowledged.add(again["id"])

    def worker(self, crash: str) -> None:
        self.publish()
        self.has_crashed(self.start("work", "1", crash=crash))

    def cleaner(self, crash: str) -> None:
        self.publish()
        self.drain()
        self.publish()
        self.has_crashed(self.start("clean", crash=crash))


NAMES = itertools.count()
HEAD = ("store", "ended at", "rounds", "acknowledged", "delivered", "dead", "pending", "duplicates")
WIDTHS = (8, 30, 6, 12, 9, 4, 7, 10)


def line(cells: typing.Iterable[str]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=False)).rstrip()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--program", type=pathlib.Path, required=True)
    options.add_argument("--store", choices=BOTH, action="append", required=True)
    given = options.parse_args()

    failures = 0
    print(line(HEAD))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        trials = [
            (kind, point, pool.submit(Trial(given.program, kind, point, given.seed).run, given.rounds))
            for kind in given.store
            for point in POINTS
            if kind in point.stores
        ]
        for kind, point, trial in trials:
            try:
                cells = trial.result()
            except Failed as failure:
                failures += 1
                cells = (f"FAILED: {failure}",)
            print(line((kind, f"{point.role} {point.name}", *cells)), flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
