"""Fixtures of more than one test file."""

from __future__ import annotations

import pytest
from paper import PaperRig, result_of


@pytest.fixture
def paper_rig(monkeypatch: pytest.MonkeyPatch) -> type[PaperRig]:
    """The plugin gets paper rigs; the class it gets them from."""

    class Fresh(PaperRig):
        started = []
        run_ = staticmethod(lambda scenario: result_of("end 0\n"))
        answer = staticmethod(lambda text: "ok")
        start_error = None
        problems = []
        groups = [["a", "b"]]

    monkeypatch.setattr("landfall.plugin.Rig", Fresh)
    return Fresh
