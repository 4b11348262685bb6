"""Kills publishers and workers of an outbox at random moments, and keeps account of what they promised.

Every process is killed with SIGKILL; PostgreSQL itself is cut off (`pg_ctl -m immediate`) now and then. What counts is
kept here, outside of every process that dies: the ids that were acknowledged, and the ids that arrived.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import threading
import time

import parts

WORK = ["--lease", "1500ms", "--poll", "50ms", "--timeout", "1s", "--concurrency", "16"]
PATIENCE = 120  # seconds until everything that is left has to be delivered


class Soak:
    def __init__(self, program: pathlib.Path, store: str, seed: int) -> None:
        self.program, self.store = program, store
        self.chance = random.Random(seed)
        self.acknowledged: set[str] = set()
        self.numbers = itertools.count()
        self.kills: collections.Counter[str] = collections.Counter()
        self.environment = dict(os.environ, HOOKSEAL_ENCRYPTION_KEY=parts.KEY)
        self.environment.pop("HOOKSEAL_SECRET", None)

    def command(self, *words: str) -> list[str]:
        return [str(self.program), "--json", "outbox", words[0], self.store, *words[1:], "--allow-private"]

    def ask(self, *words: str) -> dict:
        done = subprocess.run(
            self.command(*words), check=False, env=self.environment, capture_output=True, text=True, timeout=60
        )
        if done.returncode != 0:
            raise SystemExit(f"outbox {words[0]} failed: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words),
            env=self.environment,
            text=True,
            bufsize=1,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def feed(self, publisher: subprocess.Popen[str]) -> None:
        """Writes one event at a time and waits for its answer, as a program that publishes does."""
        with contextlib.suppress(BrokenPipeError, ValueError, OSError):
            while True:
                id = f"evt_{next(self.numbers)}"
                publisher.stdin.write(json.dumps({"type": "order.paid", "id": id, "payload": {"id": id}}) + "\n")
                publisher.stdin.flush()
                answer = publisher.stdout.readline()
                if not answer.endswith("\n"):
                    return
                if json.loads(answer).get("id") == id:
                    self.acknowledged.add(id)

    def round(self) -> None:
        publisher, *workers = self.start("publish", "--lines"), self.start("work", *WORK), self.start("work", *WORK)
        feeder = threading.Thread(target=self.feed, args=[publisher])
        feeder.start()
        time.sleep(self.chance.uniform(0.02, 0.5))
        victims = [("publisher", publisher), *(("worker", worker) for worker in workers)]
        if self.chance.random() < 0.1 and self.cut_postgres():
            self.kills["PostgreSQL"] += 1
        for name, process in victims:
            process.kill()
            self.kills[name] += 1
        for _, process in victims:
            process.wait(30)
        feeder.join(30)
        for _, process in victims:
            parts.close(process)

    def cut_postgres(self) -> bool:
        return self.store.startswith("postgres") and parts.postgres_control("-m", "immediate", "restart")

    def finish(self) -> dict:
        """Lets a worker that nobody kills do the rest."""
        worker = self.start("work", *WORK)
        deadline = time.monotonic() + PATIENCE
        while True:
            status = self.ask("status")
            if status["pending"] == 0 and status["events_waiting"] == 0:
                break
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)  # another process works; its store is asked, and the deadline bounds it
        worker.terminate()
        worker.communicate(timeout=60)
        return status


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--program", type=pathlib.Path, required=True)
    options.add_argument("--store", choices=["sqlite", "postgres"], required=True)
    given = options.parse_args()

    receiver = parts.Receiver(fails=0.05)
    with parts.store(given.store, "soak") as store:
        soak = Soak(given.program, store, given.seed)
        soak.ask("subscribe", receiver.url, "--secret", parts.SECRET)
        for _ in range(given.rounds):
            soak.round()
        status = soak.finish()

    lost = soak.acknowledged - receiver.events
    unacknowledged = len(receiver.events - soak.acknowledged)
    killed = ", ".join(f"{count} {name}" for name, count in sorted(soak.kills.items()))
    print(f"{given.store}: {given.rounds} rounds (seed {given.seed}); killed: {killed}")
    print(
        f"  acknowledged {len(soak.acknowledged)}, delivered {status['delivered']}, dead {status['dead']}, "
        f"pending {status['pending']}, waiting {status['events_waiting']}"
    )
    print(
        f"  arrived twice or more: {receiver.duplicates} (a worker died between answer and record); "
        f"arrived without an acknowledgement: {unacknowledged} (a publisher died between commit and answer)"
    )
    accounted = (
        len(soak.acknowledged) <= status["delivered"] + status["dead"] + status["pending"] + status["events_waiting"]
    )
    if not soak.acknowledged or lost or status["pending"] or status["events_waiting"] or not accounted:
        print(f"  FAILED: {len(lost)} acknowledged events never arrived: {sorted(lost)[:10]}")
        return 1
    print("  every acknowledged event arrived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
