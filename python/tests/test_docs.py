"""The examples of docs/python.md do what the page says."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from paper import PaperRig

from landfall import Rig

ROOT = Path(__file__).parents[2]
TEXTS, LIVE, TEST = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)


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
