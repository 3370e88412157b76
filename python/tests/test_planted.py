"""Kernels with a bug planted on purpose are caught, and told precisely."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = os.environ.get("LANDFALL_PROGRAM", str(ROOT / "build" / "landfall"))

RIG = "edu-pair-vtd"


@pytest.fixture(autouse=True)
def needs_its_rig(request: pytest.FixtureRequest) -> None:
    if RIG not in request.config.getoption("--rig"):
        pytest.skip(f"boots kernels, only with --rig {RIG}")


@pytest.mark.parametrize(
    ("kernel", "scenario", "device", "iova", "page"),
    [
        ("unmap-without-flush", "stale-iotlb-unmap", "a", "0x200000", "p1"),
        ("replace-moves-caller-only", "stale-iotlb-replace", "b", "0x200000", "p1"),
    ],
)
def test_planted_bug_is_caught(kernel: str, scenario: str, device: str, iova: str, page: str) -> None:
    command = [PROGRAM, "run", f"{ROOT}/fixtures/scenarios/{scenario}.scn", "--rig", RIG, "--kernel", kernel]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 1, done.stdout + done.stderr
    told = re.search(r"^landing violated.*?(?=\n\n)", done.stdout, re.S | re.M)
    assert told, done.stdout
    assert f"dma {device} " in told[0]
    assert iova in told[0]
    assert re.search(rf"\b{page}\b", told[0])


# The bytes are missed where they should be; only a search of all memory of the guest says where they went.
def test_a_stray_landing_is_found_wherever_it_is() -> None:
    command = [PROGRAM, "run", f"{ROOT}/fixtures/scenarios/map-permission-write-only.scn", "--rig", RIG, "--kernel",
               "write-only-bounces"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^completeness violated", done.stdout, re.M), done.stdout
    assert re.search(r"^stray violated", done.stdout, re.M), done.stdout
    told = re.search(r"guest memory 0x([0-9a-f]+)\+64 \(kernel\) holds bytes of DMA", done.stdout)
    assert told, done.stdout
    assert 0x100000 <= int(told[1], 16) < 512 << 20
    assert int(told[1], 16) % 4096 == 0
