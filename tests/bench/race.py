"""Lets a binding and the core take turns, and prints a table of how many times the core's time the binding takes.

    race.py BINDING CALLS CORE-COMMAND BINDING-COMMAND ROW...

A row is `NAME:CALL:BYTES:TARGET`: both commands are started with CALL and BYTES as their last arguments (the core with
the part of CALL before the first `-`), read a number of calls a line, and answer with the nanoseconds of one call. BINDING is the name of the binding, or `BINDING/PEER` for a race with another
peer than the core.
"""

from __future__ import annotations

import shlex
import statistics
import subprocess
import sys

TURNS = 401


class Side:
    """One of two programs that take turns."""

    def __init__(self, command: str, call: str, size: str) -> None:
        self.process = subprocess.Popen(
            [*shlex.split(command), call, size], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def turn(self, calls: int) -> float:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{calls}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        if self.process.wait(timeout=30) != 0:
            raise SystemExit(f"{self.process.args} failed")


def race(core: Side, binding: Side, calls: int) -> tuple[float, float, list[float]]:
    for side in (core, binding):
        for _ in range(20):
            side.turn(calls)
    turns = []
    for turn in range(TURNS):
        if turn % 2:
            theirs = core.turn(calls)
            turns.append((binding.turn(calls), theirs))
        else:
            turns.append((binding.turn(calls), core.turn(calls)))
    ratios = sorted(ours / theirs for ours, theirs in turns)
    return (*(statistics.median(side) for side in zip(*turns)), ratios)


def main() -> None:
    binding_name, calls, core_command, binding_command, *rows = sys.argv[1:]
    binding_name, _, peer_name = binding_name.partition("/")
    print("```text")
    print(
        f"{'':<34} {'bytes':>6}  {binding_name:>9} {peer_name or 'core':>9}  {'ratio':>6}  {'middle half':>13}  target"
    )
    for row in rows:
        name, call, size, target = row.split(":")
        core = Side(core_command, call.split("-")[0], size)
        binding = Side(binding_command, call, size)
        ours, theirs, ratios = race(core, binding, int(calls))
        core.close()
        binding.close()
        middle = f"{ratios[TURNS // 4]:.2f} - {ratios[TURNS * 3 // 4]:.2f}"
        aim = f"< {target}" if target else ""
        print(
            f"{name:<34} {size:>6}  {ours:>6.0f} ns {theirs:>6.0f} ns  {ratios[TURNS // 2]:>6.2f}  {middle:>13}  {aim}"
        )
    print("```")


if __name__ == "__main__":
    main()
