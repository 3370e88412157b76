"""Hypothesis strategies: needs python3-hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from hypothesis import strategies as st

from ._core import Choices, GenerateOptions, Scenario, generate

_PLAIN = GenerateOptions()


_below = lru_cache(lambda n: st.integers(0, n - 1))


class _Drawn(Choices):
    """Hypothesis takes every decision. Parts are elements of a list to it, so that it leaves out any of them."""

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__()
        self._draw = draw

    def below(self, n: int) -> int:
        return self._draw(_below(n))

    def extend(self, least: int, most: int, part: Callable[[], int]) -> None:
        length = 0

        def one() -> None:
            nonlocal length
            if length < most:
                length = part()

        self._draw(st.lists(st.builds(one), min_size=least, max_size=most))


@st.composite
def _scenarios(draw: st.DrawFn, options: GenerateOptions) -> Scenario:
    return generate(_Drawn(draw), options)


def scenarios(*, groups: Sequence[Sequence[str]] = _PLAIN.groups, features: Sequence[str] = _PLAIN.features,
              most_steps: int = _PLAIN.most_steps, lanes: bool = _PLAIN.lanes,
              background: bool = _PLAIN.background,
              copies_beside: bool = _PLAIN.copies_beside) -> st.SearchStrategy[Scenario]:
    """Scenarios such as `landfall fuzz` runs, each decision of the generator a draw, so that Hypothesis shrinks them.

    `groups` and `features` are to be those of the rig they run on; the others are as in GenerateOptions.
    """
    return _scenarios(GenerateOptions(groups=[list(names) for names in groups], features=list(features),
                                      most_steps=most_steps, lanes=lanes, background=background,
                                      copies_beside=copies_beside))
