"""The types a user's editor sees are those of the bindings, and the package keeps to them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import landfall
import pytest

PYTHON = Path(__file__).parents[1]


def test_the_stub_is_what_the_bindings_say() -> None:
    where = {**os.environ, "PYTHONPATH": str(Path(landfall.__file__).parents[1])}
    printed = subprocess.run([sys.executable, PYTHON / "tools" / "stubs.py"], check=True, capture_output=True, text=True,
                             env=where)
    assert (PYTHON / "landfall" / "_core.pyi").read_text() == printed.stdout, "run python/tools/stubs.py"


@pytest.mark.skipif(shutil.which("mypy") is None, reason="mypy is not installed")
def test_the_package_is_well_typed(tmp_path: Path) -> None:
    checked = subprocess.run(["mypy", "--cache-dir", tmp_path, PYTHON / "landfall", PYTHON / "tools"], cwd=PYTHON.parent,
                             capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
