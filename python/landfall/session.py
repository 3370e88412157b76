"""A live session: one method a verb, each a line of the scenario language sent to the rig at once."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, Union

from ._core import Answer, Broken, Landing, RunResult, Sighting, Unmet
from .errors import LabError, RequirementUnmet, raise_for_verdict

if TYPE_CHECKING:
    from .rig import Rig

Outcome = Union[Answer, Landing, Sighting]
Size = Union[int, str]  #: bytes, or a size of the language such as "4K"
_Kind = TypeVar("_Kind", Answer, Landing, Sighting)


def _number(value: Size) -> str:
    return f"{value:#x}" if isinstance(value, int) else value


def _range(start: Size, length: Size) -> str:
    return f"{_number(start)}+{_number(length)}"


def _place(iova: Size | None) -> str:
    return "auto" if iova is None else _number(iova)


def _request(device: str, verb: str, start: Size, length: Size, to: Size | None) -> list[str]:
    return [device, verb, _range(start, length), *([] if to is None else ["to", _number(to)])]


class Session:
    """Steps run as they are called and return what happened; at the end the whole trace is judged.

    Every step takes `expect=`, written as in a scenario; the verdict at the end covers it. A mistake in a step
    raises TextError and nothing was sent. Used as a context manager, leaving it calls finish().
    """

    def __init__(self, rig: Rig, devices: Iterable[str] = ()) -> None:
        self._rig = rig
        self._rig.open_session(list(devices))
        self.result: RunResult | None = None  #: trace, verdict and console, once finished

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.finish()
        else:
            self.abandon()

    # ---- the end ---------------------------------------------------------------------------------------------

    def finish(self) -> RunResult:
        """Ends the session on the rig and judges its trace: raises ViolationError, Inconclusive or RequirementUnmet."""
        self.abandon()
        assert self.result is not None
        return raise_for_verdict(self.result)

    def abandon(self) -> None:
        """Ends the session on the rig without a judgement; `result` says what there is."""
        if self.result is None:
            self.result = self._rig.close_session()

    # ---- steps -----------------------------------------------------------------------------------------------

    def step(self, text: str) -> Outcome:
        """Runs one line of the scenario language."""
        if self.result is not None:
            raise LabError("the session has ended")
        observed = self._rig.run_step(text)
        if isinstance(observed, Broken):
            raise LabError(observed.reason)
        if isinstance(observed, Unmet):
            raise RequirementUnmet(observed.reason)
        return observed

    def _run(self, kind: type[_Kind], *words: str, expect: str | None) -> _Kind:
        text = " ".join(words) if expect is None else f"{' '.join(words)} => {expect}"
        outcome = self.step(text)
        assert isinstance(outcome, kind), f"{text}: {outcome}"
        return outcome

    def require(self, kind: str, *names: str) -> Answer:
        return self._run(Answer, "require", kind, *names, expect=None)

    def buffer(self, name: str, size: Size, *flags: str) -> Answer:
        return self._run(Answer, "buffer", name, str(size), *flags, expect=None)

    def ioas(self, name: str, *, bare: bool = False) -> Answer:
        return self._run(Answer, "ioas", name, *(["bare"] if bare else []), expect=None)

    def hwpt(self, name: str, ioas: str, device: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "hwpt", name, ioas, device, expect=expect)

    def map(self, ioas: str, iova: Size | None, memory: str, access: str, *, expect: str | None = None) -> Answer:
        """Maps a buffer, or a slice such as "p1[0x0+4K]". With `iova` None the kernel chooses: see Answer.value."""
        return self._run(Answer, "map", ioas, _place(iova), memory, access, expect=expect)

    def map_file(self, ioas: str, iova: Size | None, memory: str, access: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "map-file", ioas, _place(iova), memory, access, expect=expect)

    def ioas_copy(self, destination: str, iova: Size | None, source: str, start: Size, length: Size, access: str, *,
                  expect: str | None = None) -> Answer:
        return self._run(Answer, "ioas-copy", destination, _place(iova), source, _range(start, length), access,
                         expect=expect)

    def unmap(self, ioas: str, start: Size, length: Size, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "unmap", ioas, _range(start, length), expect=expect)

    def unmap_all(self, ioas: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "unmap", ioas, "all", expect=expect)

    def attach(self, device: str, domain: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "attach", device, domain, expect=expect)

    def replace(self, device: str, domain: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "replace", device, domain, expect=expect)

    def detach(self, device: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "detach", device, expect=expect)

    def destroy(self, name: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "destroy", name, expect=expect)

    def open(self, device: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "open", device, expect=expect)

    def close(self, device: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "close", device, expect=expect)

    def reset(self, device: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "reset", device, expect=expect)

    def ranges(self, ioas: str, *, expect: str | None = None) -> Answer:
        return self._run(Answer, "ranges", ioas, expect=expect)

    def allow(self, ioas: str, *ranges: tuple[Size, Size], expect: str | None = None) -> Answer:
        return self._run(Answer, "allow", ioas, *(_range(*r) for r in ranges), expect=expect)

    def option(self, ioas: str, *, huge_pages: bool, expect: str | None = None) -> Answer:
        return self._run(Answer, "option", ioas, "huge-pages", "on" if huge_pages else "off", expect=expect)

    def dma(self, device: str, verb: str, start: Size, length: Size, *, to: Size | None = None,
            expect: str | None = None) -> Landing:
        """One DMA, waited for: "write" and "read" name their bytes, "copy" a source and where it goes `to`."""
        return self._run(Landing, "dma", *_request(device, verb, start, length, to), expect=expect)

    def start(self, device: str, verb: str, start: Size, length: Size, *, to: Size | None = None) -> Answer:
        return self._run(Answer, "start", *_request(device, verb, start, length, to), expect=None)

    def wait(self, device: str, *, expect: str | None = None) -> Landing:
        return self._run(Landing, "wait", device, expect=expect)

    def pump(self, device: str, verb: str, start: Size, length: Size, *, to: Size | None = None) -> Answer:
        return self._run(Answer, "pump", *_request(device, verb, start, length, to), expect=None)

    def halt(self, device: str) -> Answer:
        return self._run(Answer, "halt", device, expect=None)

    def view(self, device: str, *, expect: str | None = None) -> Sighting:
        return self._run(Sighting, "view", device, expect=expect)

    def sleep(self, duration: str) -> Answer:
        return self._run(Answer, "sleep", duration, expect=None)

    def witness(self) -> Answer:
        return self._run(Answer, "witness", expect=None)
