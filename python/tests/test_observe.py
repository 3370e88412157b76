"""`landfall observe` on real guests: a program that does not know of groups is told so, one that does comes out clean.

Skipped where no guest can be started, unless LANDFALL_REQUIRE_RIG=1.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = os.environ.get("LANDFALL_PROGRAM", str(ROOT / "build" / "landfall"))
SOURCE = ROOT / "fixtures" / "programs" / "pair.c"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "landfall"
RIG = "edu-pair-vtd"


def lacking() -> str:
    """Why no program can be observed here; empty if one can."""
    for needed in ("cc", "qemu-system-x86_64", PROGRAM):
        if shutil.which(needed) is None:
            return f"no {needed}"
    # A name, and below it whether it is built.
    listed = subprocess.run([PROGRAM, "kernel", "list"], capture_output=True, text=True, timeout=60, check=True).stdout
    return "" if re.search(r"^6\.12 .*\n\s+built", listed, re.MULTILINE) else "the kernel 6.12 is not built"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> str:
    if missing := lacking():
        if os.environ.get("LANDFALL_REQUIRE_RIG") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    program = tmp_path_factory.mktemp("programs") / "pair"
    uapi = CACHE / "uapi" / "usr" / "include"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-I", uapi, "-pthread", SOURCE, "-o", program], check=True, timeout=60)
    return str(program)


def observe(program: str, *words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, "observe", "--rig", RIG, *options, "--", program, *words, "{a}", "{b}"]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, stdin=subprocess.DEVNULL)


def remarks(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Their ids."""
    known = ("sibling-elsewhere", "reached-unattached", "refused-by-group", "map-unseen")
    words = [line.strip().partition(":")[0] for line in done.stdout.splitlines()]
    return [word for word in words if word in known]


@pytest.mark.parametrize("mode", ["well", "threads", "forks"])
def test_a_program_that_knows_of_groups_comes_out_clean(pair: str, mode: str) -> None:
    done = observe(pair, mode, options=("--strict",))
    assert done.stdout.startswith("pass ")
    assert "exited 0" in done.stdout
    assert remarks(done) == []
    assert done.returncode == 0


def test_a_mapping_for_a_sibling_that_is_elsewhere_is_told(pair: str, tmp_path: pathlib.Path) -> None:
    done = observe(pair, "stale", options=("-o", str(tmp_path)))
    assert remarks(done) == ["sibling-elsewhere", "map-unseen"]
    assert "b was attached to 'ioas1', but since line" in done.stdout
    assert done.returncode == 0, "the kernel did nothing wrong"
    # The trace can be judged anywhere, and is a scenario.
    check = [PROGRAM, "check", str(tmp_path / "pair.trace"), "--model", "iommufd", "--model", "per-device"]
    told = subprocess.run(check, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "replace a ioas2" in told
    assert "per-device  ioas1" in told


def test_a_remark_is_a_failure_if_asked_for(pair: str) -> None:
    assert observe(pair, "stale", options=("--strict", "-q")).returncode == 1


def test_a_member_that_is_bound_and_not_attached_is_told(pair: str) -> None:
    assert "reached-unattached" in remarks(observe(pair, "unattached"))


@pytest.mark.parametrize(
    ("mode", "ended", "options"),
    [("crash", "killed SIGABRT", ()), ("fail", "exited 3", ()), ("hang", "stopped", ("--time", "3s"))],
)
def test_a_program_that_fails_is_no_pass_and_no_finding(pair: str, mode: str, ended: str, options: tuple[str, ...]) -> None:
    done = observe(pair, mode, options=options)
    assert done.stdout.startswith("inconclusive ")
    assert ended in done.stdout
    assert remarks(done) == []
    assert done.returncode == 5


def test_a_program_that_asks_nothing_proves_nothing(pair: str) -> None:
    done = observe("/bin/true")
    assert "the program asked nothing that can be judged" in done.stdout
    assert done.returncode == 5


def test_a_kernel_that_dies_under_it_is_a_finding(pair: str) -> None:
    shell = shutil.which("busybox")
    if shell is None:
        pytest.skip("no busybox")
    done = observe(shell, "sh", "-c", "echo c > /proc/sysrq-trigger; sleep 100")
    assert done.stdout.startswith("violation ")
    assert "sysrq triggered crash" in done.stdout.lower()
    assert done.returncode == 1


def test_what_the_program_says_is_shown_unless_it_is_quiet(pair: str) -> None:
    assert "usage: " in observe(pair).stderr  # no mode
    assert "usage: " not in observe(pair, options=("-q",)).stderr
