"""The planted bugs in fixtures/kernels/mutants, for the programs that try what finds them."""

from __future__ import annotations

import argparse
import pathlib
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent
LANDFALL = ROOT / "build" / "landfall"
PAGE = ROOT / "docs" / "detection.md"
KERNEL_LIMIT = 2 * 3600  # seconds


@dataclass
class Mutant:
    name: str
    base: str
    must: list[tuple[str, str, str]] = field(default_factory=list)  # scenario, rig, rule

    def rigs(self) -> list[str]:
        return sorted({rig for _, rig, _ in self.must})


class LabBrokenError(Exception):
    """Nothing can be said about any kernel."""


_guard = threading.RLock()  # a signal may come to who holds it
_running: set[subprocess.Popen[str]] = set()
_ending = False


def landfall(*words: str, limit: int) -> subprocess.CompletedProcess[str]:
    """Runs it to its end, at most `limit` seconds. May be called by several threads."""
    try:
        with _guard:
            if _ending:
                raise LabBrokenError("told to end")
            process = subprocess.Popen([LANDFALL, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            _running.add(process)
        with process:
            try:
                told, why = process.communicate(timeout=limit)
            finally:
                process.kill()  # no effect if it has ended
                with _guard:
                    _running.discard(process)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabBrokenError(str(error)) from error
    if _ending:
        raise LabBrokenError("told to end")
    return subprocess.CompletedProcess(process.args, process.returncode, told, why)


def end_all() -> None:
    """What runs is told to end, and takes its virtual machines along; nothing begins any more."""
    global _ending
    with _guard:
        _ending = True
        for process in _running:
            process.terminate()


def take_along_on_sigterm() -> None:
    def end(*_: object) -> None:
        end_all()
        sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)


def shipped() -> dict[str, Mutant]:
    done = landfall("kernel", "mutants", limit=60)
    if done.returncode != 0:
        raise LabBrokenError(done.stderr)
    out: dict[str, Mutant] = {}
    for line in done.stdout.splitlines():
        name, _, base, _, scenario, _, rig, _, rule = line.split()
        out.setdefault(name, Mutant(name, base)).must.append((scenario, rig, rule))
    return out


def wanted(parser: argparse.ArgumentParser, names: list[str]) -> list[Mutant]:
    """Those that are named, or all."""
    table = shipped()
    if unknown := [name for name in names if name not in table]:
        parser.error(f"no such mutant: {' '.join(unknown)}; there are {' '.join(table)}")
    return [table[name] for name in names or table]


def build(kernel: str) -> str:
    """What it was made from, and where it lies: the same as long as nothing about it has changed."""
    done = landfall("kernel", "build", kernel, limit=KERNEL_LIMIT)
    if done.returncode != 0:
        raise LabBrokenError(done.stderr)
    return done.stdout
