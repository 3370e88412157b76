"""lab/mutants tells a mutant that was killed from one that survived, and from a lab that is broken."""

from __future__ import annotations

import concurrent.futures
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import time
from types import ModuleType

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SCENARIO = "stale-iotlb-unmap"
PASS = f"pass         {SCENARIO}                      5 steps     3 DMAs    0.52 s\n"
CAUGHT = f"""violation    {SCENARIO}                      5 steps     3 DMAs    0.52 s

landing violated, line 12: dma a write
    bytes of p1
expectation violated, line 12: dma a write

"""


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """lab/mutants as a module; it has no .py in its name."""
    monkeypatch.syspath_prepend(str(ROOT / "lab"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("lab_mutants", str(ROOT / "lab" / "mutants"))
    spec = importlib.util.spec_from_loader("lab_mutants", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lab_mutants", module)
    loader.exec_module(module)
    return module


class Program:
    """Answers as `landfall` does: `told` is what `run` prints for each kernel, with its exit status."""

    def __init__(self, told: dict[str, tuple[int, str]]) -> None:
        self.told = told
        self.ran: list[str] = []

    def __call__(self, *words: str, limit: int) -> subprocess.CompletedProcess[str]:
        status, out = 0, ""
        if words[:2] == ("kernel", "mutants"):
            out = f"leak base 6.12 scenario {SCENARIO} rig edu-pair-vtd rule landing\n"
        elif words[0] == "run":
            self.ran.append(words[words.index("--kernel") + 1])
            status, out = self.told[self.ran[-1]]
        return subprocess.CompletedProcess(words, status, out, "why")


def start(lab: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, program: Program, *more: str) -> int:
    binary = tmp_path / "landfall"
    binary.write_text("the program", encoding="utf-8")
    monkeypatch.setattr(lab.kernels, "LANDFALL", binary)
    monkeypatch.setattr(lab.kernels, "landfall", program)
    paths = ["--logs", str(tmp_path / "logs"), "--page", str(tmp_path / "page.md")]
    monkeypatch.setattr(sys, "argv", ["lab/mutants", *paths, *more])
    return int(lab.main())


def run(lab: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, told: dict[str, tuple[int, str]]) -> int:
    return start(lab, monkeypatch, tmp_path, Program(told))


def test_killed(lab: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Detection\n\nthe other half\n", encoding="utf-8")
    assert run(lab, monkeypatch, tmp_path, {"6.12": (0, PASS), "leak": (1, CAUGHT)}) == 0
    assert f"| leak | killed | edu-pair-vtd | {SCENARIO} | expectation landing |\n" in page.read_text(encoding="utf-8")
    assert "1 mutants, 1 killed" in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").startswith("# Detection\n\nthe other half\n")


@pytest.mark.parametrize(
    ("told", "row"),
    [
        ({"6.12": (0, PASS), "leak": (0, PASS)}, "| leak | survived, missed by "),
        ({"6.12": (0, PASS), "leak": (1, CAUGHT.replace("landing", "stray"))}, "| leak | killed, missed by "),
        ({"6.12": (0, PASS), "leak": (5, PASS.replace("pass        ", "inconclusive"))}, "| leak | survived, missed by "),
        ({"6.12": (1, CAUGHT), "leak": (1, CAUGHT)}, f"fails {SCENARIO} on edu-pair-vtd by expectation landing"),
        ({"6.12": (5, PASS.replace("pass        ", "inconclusive")), "leak": (1, CAUGHT)}, "edu-pair-vtd: exit status 5"),
    ],
)
def test_not_good(lab: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path,
                  told: dict[str, tuple[int, str]], row: str) -> None:
    assert run(lab, monkeypatch, tmp_path, told) == 1
    assert row in (tmp_path / "page.md").read_text(encoding="utf-8")


def test_a_broken_lab_is_no_finding(lab: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    assert run(lab, monkeypatch, tmp_path, {"6.12": (0, PASS), "leak": (3, "")}) == 3
    assert not (tmp_path / "page.md").exists()


def test_resumes_what_has_not_changed(lab: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    program = Program({"6.12": (0, PASS), "leak": (3, "")})
    assert start(lab, monkeypatch, tmp_path, program) == 3
    assert sorted(program.ran) == ["6.12", "leak", "leak", "leak"]  # two at a time
    program.told["leak"] = (1, CAUGHT)
    assert start(lab, monkeypatch, tmp_path, program, "--resume") == 0
    assert program.ran[4:] == ["leak"]
    assert start(lab, monkeypatch, tmp_path, program, "--resume") == 0
    assert program.ran[5:] == []
    assert f"| leak | killed | edu-pair-vtd | {SCENARIO} |" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert start(lab, monkeypatch, tmp_path, program, "--resume", "--declared") == 0
    assert sorted(program.ran[5:]) == ["6.12", "leak"]  # other scenarios


def test_what_runs_is_taken_along(lab: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    program, mark = tmp_path / "landfall", tmp_path / "running"
    program.write_text(f"#!/bin/sh\ntouch {mark}\nexec sleep 600\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(lab.kernels, "LANDFALL", program)
    monkeypatch.setattr(lab.kernels, "_ending", False)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        run = pool.submit(lab.kernels.landfall, "run", limit=600)
        while not mark.exists() and not run.done():
            time.sleep(0.01)
        lab.kernels.end_all()
        with pytest.raises(lab.LabBrokenError, match="told to end"):
            run.result(timeout=60)
    with pytest.raises(lab.LabBrokenError, match="told to end"):
        lab.kernels.landfall("run", limit=600)


def test_each_part_of_the_page_keeps_the_others(lab: ModuleType, tmp_path: pathlib.Path) -> None:
    page, write = tmp_path / "page.md", lab.detection_page.write
    write(page, soak="\nS1\n")
    write(page, mutants="\nM1\n")
    write(page, faults="# Detection\n\nF1\n")
    write(page, mutants="\nM2\n")
    headings = lab.detection_page.HEADINGS
    whole = f"# Detection\n\nF1\n\n{headings['mutants']}\nM2\n\n{headings['soak']}\nS1\n"
    assert page.read_text(encoding="utf-8") == whole
    write(page, faults="# Detection\n\nF2\n")
    write(page, soak="\nS2\n")
    assert page.read_text(encoding="utf-8") == whole.replace("F1", "F2").replace("S1", "S2")
