"""docs/detection.md: each part of it is written by a program of its own, which keeps the others'."""

from __future__ import annotations

import pathlib

# What a part begins with, in their order. The first begins the page.
HEADINGS = {
    "faults": "",  # lab/detection
    "mutants": "## Kernels with a planted bug\n",  # lab/mutants
    "soak": "## Planted bugs under a soak\n",  # lab/soak-mutants
}


def parts(text: str) -> dict[str, str]:
    """Those that `text` has, without their headings."""
    out = {}
    for name, heading in reversed(HEADINGS.items()):
        text, found, rest = text.rpartition(heading) if heading else ("", "", text)
        if not heading or found:
            out[name] = rest
        else:
            text = rest
    return out


def write(page: pathlib.Path, **new: str) -> None:
    """Replaces the parts that are given; the others stay as the page has them."""
    all_parts = {**parts(page.read_text(encoding="utf-8") if page.exists() else ""), **new}
    texts = [heading + all_parts[name] for name, heading in HEADINGS.items() if name in all_parts]
    page.write_text("\n".join(text.strip() + "\n" for text in texts if text.strip()), encoding="utf-8")
