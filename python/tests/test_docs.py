"""The examples of docs/python.md do what the page says."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from paper import PaperRig

from landfall import Rig

ROOT = Path(__file__).parents[2]
TEXTS, LIVE, TEST, PLAY, EXPLORE, CHOOSE, GIVEN, MACHINE = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)


def test_texts_and_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    exec(TEXTS, {})
    assert "landing" in capsys.readouterr().out


def test_a_rig_and_a_live_session(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(Rig, "start", lambda name: contextlib.nullcontext(rig))
    exec(LIVE, {})


def test_the_fixtures(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.answer = staticmethod(lambda text: "sees two" if text.startswith("view") else "ok")
    pytester.makepyfile(TEST)
    pytester.runpytest("-p", "landfall.plugin", "--rig", "edu-pair-vtd").assert_outcomes(passed=1)


def test_the_simulated_rig(capsys: pytest.CaptureFixture[str]) -> None:
    exec(PLAY, {})
    assert "unmap" in (said := capsys.readouterr().out) and said.count("landing violated") == 2
    exec(EXPLORE, {})
    assert "violation" in capsys.readouterr().out


def test_whoever_chooses() -> None:
    exec(CHOOSE, {})


@pytest.mark.parametrize(("example", "tests"), [(GIVEN, 1), (MACHINE, 2)], ids=["strategy", "machine"])
def test_scenarios_nobody_wrote(pytester: pytest.Pytester, example: str, tests: int) -> None:
    pytest.importorskip("hypothesis", reason="python3-hypothesis is not installed")
    pytester.makepyfile(example)
    pytester.runpytest("-p", "landfall.plugin").assert_outcomes(passed=tests)
