"""Fixtures of more than one test file."""

from __future__ import annotations

import contextlib

import pytest
from paper import PaperRig, result_of

with contextlib.suppress(ImportError):  # its tests are skipped then
    from hypothesis import settings

    # The same examples in every run, and none kept beside the tests.
    settings.register_profile("landfall", derandomize=True, database=None, deadline=None)
    settings.load_profile("landfall")


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
