"""Who is to blame. An errno or a lost DMA is an answer to be recorded, never one of these.

The first three are the C++ library's own exceptions, with its facts in attributes; the last three are how a live
session tells its verdict to whatever runs it.
"""

from __future__ import annotations

import unittest

from ._core import RunResult, Verdict, explain, summary

__all__ = ["Inconclusive", "LabError", "RequirementUnmet", "RigDied", "TextError", "ViolationError", "raise_for_verdict"]


class TextError(ValueError):
    """The text someone wrote is wrong: scenario, trace or rig file. Nothing has run when it is raised."""

    def __init__(self, message: str, file: str, line: int, column: int, found: str, expected: str) -> None:
        super().__init__(message)
        self.file, self.line, self.column = file, line, column
        self.found, self.expected = found, expected


class LabError(RuntimeError):
    """The lab itself failed: no QEMU, a guest that did not boot. Never a finding. `hint` says what would mend it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} ({self.hint})" if self.hint else message


class RigDied(RuntimeError):
    """The rig is gone in the middle of things. `kernel_died`: the kernel under test said so itself, a finding."""

    def __init__(self, message: str, kernel_died: bool, console: str) -> None:
        super().__init__(message)
        self.kernel_died, self.console = kernel_died, console

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.console}" if self.console else super().__str__()


class ViolationError(AssertionError):
    """A promise was broken. The message explains it to a person; `result` holds trace, verdict and console."""

    def __init__(self, result: RunResult) -> None:
        new = [explain(result.trace, v) for v in result.verdict.violations if not v.known]
        super().__init__("\n".join([summary(result.verdict), "", *new]))
        self.result = result


class Inconclusive(RuntimeError):
    """The trace proves nothing either way. Never a pass."""

    def __init__(self, result: RunResult) -> None:
        super().__init__(result.verdict.reason)
        self.result = result


class RequirementUnmet(unittest.SkipTest):
    """The rig lacks what a `require` names. unittest and pytest both take it for a skip with that reason."""


def raise_for_verdict(result: RunResult) -> RunResult:
    """Raises ViolationError, Inconclusive or RequirementUnmet unless the run passed; then returns it."""
    kind = result.verdict.kind
    if kind == Verdict.Kind.violation:
        raise ViolationError(result)
    if kind == Verdict.Kind.inconclusive:
        raise Inconclusive(result)
    if kind == Verdict.Kind.unmet:
        raise RequirementUnmet(result.verdict.reason)
    return result
