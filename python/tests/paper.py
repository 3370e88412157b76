"""A rig of paper, for tests of what stands in front of a rig."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import landfall
from landfall import Scenario, Trace

HEAD = """\
rig "edu-pair-vtd"
kernel "7.3.4"
device a 0000:00:08.0 1234:11e8 group 2 engine edu
device b 0000:00:08.1 1234:11e8 group 2 engine edu
staging 0x70000000+1M
"""


def result_of(text: str, *, rig_lost: bool = False) -> SimpleNamespace:
    """What a run would give that left this trace behind its head."""
    trace = Trace.parse(HEAD + text)
    return SimpleNamespace(trace=trace, verdict=landfall.check(trace), console="Linux version 7.3.4\n", rig_lost=rig_lost)


class PaperRig:
    """Stands in for landfall.Rig. Class attributes say how it behaves and what was asked of it."""

    started: list[tuple[str, str | None, str]]
    run_: Callable[[Scenario], SimpleNamespace]
    answer: Callable[[str], str]
    start_error: Exception | None
    renewed: int = 0
    renew_error: Exception | None = None
    problems: list[str]
    known_fit: bool = False
    groups: list[list[str]]
    booted: bool
    api: str

    def __init__(self, name: str) -> None:
        self.file = SimpleNamespace(name=name, groups=self.groups, kind=landfall.RigFile.Kind.qemu)
        self._lines: list[str] = []

    @classmethod
    def start(cls, name: str, kernel: str | None, kernel_args: str, *, seed: int, faults: list[str], boot: bool,
              api: str) -> PaperRig:
        cls.started.append((name, kernel, kernel_args))
        cls.booted = boot
        cls.api = api
        if cls.start_error:
            raise cls.start_error
        return cls(name)

    def renew(self) -> None:
        type(self).renewed += 1
        if self.renew_error:
            raise self.renew_error

    def check(self) -> list[str]:
        return self.problems

    def run(self, scenario: Scenario) -> SimpleNamespace:
        return type(self).run_(scenario)

    def open_session(self, devices: list[str]) -> None:
        self._lines = []

    def run_step(self, text: str) -> object:
        at = 10 * len(self._lines)
        self._lines.append(f"@{at} @{at + 5} {text} => {type(self).answer(text)}\n")
        return landfall.parse_line(self._lines[-1].strip()).observed

    def close_session(self) -> SimpleNamespace:
        return result_of("".join(self._lines) + f"end {len(self._lines)}\n")

    def session(self) -> landfall.Session:
        return landfall.Session(self)  # type: ignore[arg-type]

    def close(self) -> None:
        pass
