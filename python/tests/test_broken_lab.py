"""A lab that breaks under a run: the right exit status, the cause, nothing left behind, and the next run works."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = os.environ.get("LANDFALL_PROGRAM", str(ROOT / "build" / "landfall"))
RIG = "edu-pair-vtd"
PASS, LAB, INCONCLUSIVE = 0, 3, 5


class Run:
    """`landfall run` on the rig, and its QEMU."""

    def __init__(self, *arguments: str) -> None:
        command = [PROGRAM, "run", *arguments, "--rig", RIG]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self.watchdog = threading.Timer(180, self.process.kill)
        self.watchdog.start()
        self.said = ""

    def wait_for(self, beginning: str) -> None:
        assert self.process.stdout
        while not self.said.rsplit("\n", 2)[-2:][0].startswith(beginning):
            line = self.process.stdout.readline()
            assert line, self.said
            self.said += line

    def emulator(self) -> int:
        """It is named after the process it belongs to."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"qemu" in words[0] and any(word.startswith(b"landfall-%d-" % self.process.pid) for word in words):
                return int(process.name)
        raise AssertionError("no emulator")

    def end(self) -> int:
        assert self.process.stdout
        self.said += self.process.stdout.read()
        status = self.process.wait()
        self.watchdog.cancel()
        return status


@pytest.fixture
def steps(tmp_path: pathlib.Path) -> Iterator[tuple[str, str]]:
    """A scenario that is over at once, and one that takes seconds."""
    first, long = tmp_path / "first.scn", tmp_path / "long.scn"
    first.write_text("ioas one\n")
    long.write_text("ioas one\nsleep 4s\nioas two\n")
    yield str(first), str(long)
    again = Run(str(first))
    assert again.end() == PASS, again.said


@pytest.fixture(autouse=True)
def needs_its_rig(request: pytest.FixtureRequest) -> None:
    if RIG not in request.config.getoption("--rig"):
        pytest.skip(f"boots a guest, only with --rig {RIG}")


def gone(process: int) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if not pathlib.Path(f"/proc/{process}").exists():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(("blow", "cause"), [(signal.SIGKILL, "the rig"), (signal.SIGSTOP, "the rig did not answer in time")])
def test_an_emulator_that_dies_or_hangs(steps: tuple[str, str], blow: signal.Signals, cause: str) -> None:
    run = Run(*steps)
    run.wait_for("pass")
    time.sleep(1)  # into the sleep of the second
    emulator = run.emulator()
    os.kill(emulator, blow)
    assert run.end() == INCONCLUSIVE, run.said
    assert f"the lab: {cause}" in run.said
    assert gone(emulator)


def test_a_guest_without_memory(steps: tuple[str, str], tmp_path: pathlib.Path) -> None:
    greedy = tmp_path / "greedy.scn"
    greedy.write_text("buffer p 1G\nioas one\nmap one 0x10000000 p rw\n")
    run = Run(str(greedy))
    assert run.end() == INCONCLUSIVE, run.said
    assert "p was never made" in run.said


def test_a_disk_that_is_full(steps: tuple[str, str]) -> None:
    run = Run(steps[0], "--junit", "/dev/full")
    assert run.end() == LAB, run.said
    assert "/dev/full: No space left on device" in run.said


def test_two_runs_at_once_on_one_rig(steps: tuple[str, str]) -> None:
    runs = [Run(*steps), Run(*steps)]
    assert [run.end() for run in runs] == [PASS, PASS], runs[0].said + runs[1].said
