"""docs/detection.md: one half is written by lab/detection, the other by lab/mutants, and each keeps the other's."""

from __future__ import annotations

import pathlib

# Begins the second half, which lab/mutants writes.
MUTANTS = "## Kernels with a planted bug\n"


def write(page: pathlib.Path, *, faults: str | None = None, mutants: str | None = None) -> None:
    """Replaces the halves that are given; the other stays as the page has it, or empty in a page that is new."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    old_faults, begin, rest = old.partition(MUTANTS)
    halves = (old_faults if faults is None else faults, begin + rest if mutants is None else MUTANTS + mutants)
    page.write_text("\n".join(half.strip() + "\n" for half in halves if half.strip()), encoding="utf-8")
