"""A Hypothesis state machine that drives a live session: needs python3-hypothesis."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, initialize, multiple, precondition, rule

from ._core import Verdict
from .errors import raise_for_verdict
from .rig import Rig

PAGE = 4096
#: Few, so that steps meet; before and behind the end of a page table.
IOVAS = st.sampled_from([0x200000, 0x1FF000, 0x201000, 0x3FF000])
ACCESS = st.sampled_from(["rw", "r", "w"])
PAGES = st.integers(1, 3)
#: Offset and length: the first bytes of a page, its last, all of it, and across its end.
PARTS = st.sampled_from([(0, 64), (PAGE - 64, 64), (0, PAGE), (PAGE - 64, 128)])
DIRECTION = st.sampled_from(["write", "read"])


class Memory(NamedTuple):
    """A buffer."""

    name: str
    size: int


class Area(NamedTuple):
    """IOVAs that somebody mapped, or tried to."""

    ioas: str
    iova: int
    length: int


def _if_it_has(feature: str) -> Callable[[IommuMachine], bool]:
    def has(machine: IommuMachine) -> bool:
        return feature in machine.features

    return has


class IommuMachine(RuleBasedStateMachine):
    """Its rules are the verbs, in any order the language allows; its teardown judges the trace (ViolationError).

    A subclass says which rig, and may add rules that use `self.session` and the bundles. No rule names an object that
    was destroyed, whose id may be another's by now, or asks a closed device for DMA.
    """

    rig: ClassVar[str] = "sim"  #: started anew for every example, unless a running one was given
    seed: ClassVar[int] = 1  #: of a simulated rig
    faults: ClassVar[Sequence[str]] = ()  #: of a simulated rig
    features: ClassVar[Sequence[str]] = ("hwpt", "map-file", "reset")  #: what the rig has

    devices: Bundle[str] = Bundle("devices")  #: every one
    idle: Bundle[str] = Bundle("idle")  #: open, no DMA in the background
    closed: Bundle[str] = Bundle("closed")
    started: Bundle[str] = Bundle("started")
    pumping: Bundle[str] = Bundle("pumping")
    buffers: Bundle[Memory] = Bundle("buffers")
    files: Bundle[Memory] = Bundle("files")  #: buffers that are memfds
    ioases: Bundle[str] = Bundle("ioases")
    hwpts: Bundle[str] = Bundle("hwpts")
    areas: Bundle[Area] = Bundle("areas")

    def __init__(self, rig: Rig | None = None) -> None:
        """On this running rig, which stays open; without one, on a rig of its own."""
        super().__init__()
        self._own = Rig.start(self.rig, seed=self.seed, faults=self.faults) if rig is None else None
        self._rig = rig or self._own
        assert self._rig is not None
        self.session = self._rig.session()
        self._names = 0
        self._attached: set[str] = set()
        self._background: dict[str, Callable[[str], object]] = {}  # what ends it, by device

    def teardown(self) -> None:
        """Judges the trace, unless something else went wrong already."""
        try:
            if sys.exc_info()[0] is None:
                self._judge()
        finally:
            self.session.abandon()
            if self._own is not None:
                self._own.close()

    def _judge(self) -> None:
        for device, end in self._background.items():
            end(device)
        self.session.abandon()
        result = self.session.result
        if result is not None and result.verdict.steps > 0:  # no step is an example, too
            if result.verdict.kind == Verdict.Kind.violation:
                note("as a scenario:\n" + result.trace.scenario().print())
            raise_for_verdict(result)

    def _name(self, stem: str) -> str:
        self._names += 1
        return f"{stem}{self._names}"

    # ---- objects ---------------------------------------------------------------------------------------------

    @initialize(targets=(devices, idle))
    def all_devices(self) -> MultipleResults[str]:
        assert self._rig is not None
        return multiple(*(function.name for function in self._rig.file.functions))

    @initialize(target=buffers)
    def first_buffer(self) -> Memory:
        return self._buffer(1)

    @initialize(target=ioases)
    def first_ioas(self) -> str:
        return str(self.ioas())

    @rule(target=buffers, pages=PAGES, read_only=st.booleans())
    def buffer(self, pages: int, read_only: bool) -> Memory:
        return self._buffer(pages, *(["ro"] if read_only else []))

    @precondition(_if_it_has("map-file"))
    @rule(targets=(buffers, files), pages=PAGES)
    def memfd(self, pages: int) -> Memory:
        return self._buffer(pages, "memfd")

    def _buffer(self, pages: int, *flags: str) -> Memory:
        memory = Memory(self._name("p"), pages * PAGE)
        self.session.buffer(*memory, *flags)
        return memory

    @rule(target=ioases)
    def ioas(self) -> str:
        name = self._name("s")
        self.session.ioas(name)
        return name

    @precondition(_if_it_has("hwpt"))
    @rule(target=hwpts, ioas=ioases, device=devices)
    def hwpt(self, ioas: str, device: str) -> str | MultipleResults[str]:
        name = self._name("h")
        return name if self.session.hwpt(name, ioas, device).ok else multiple()

    @rule(target=ioases, ioas=consumes(ioases))
    def destroy_ioas(self, ioas: str) -> str | MultipleResults[str]:
        return multiple() if self.session.destroy(ioas).ok else ioas

    @rule(target=hwpts, hwpt=consumes(hwpts))
    def destroy_hwpt(self, hwpt: str) -> str | MultipleResults[str]:
        return multiple() if self.session.destroy(hwpt).ok else hwpt

    # ---- mappings --------------------------------------------------------------------------------------------

    @rule(target=areas, ioas=ioases, iova=IOVAS, memory=buffers, access=ACCESS)
    def map(self, ioas: str, iova: int, memory: Memory, access: str) -> Area:
        self.session.map(ioas, iova, memory.name, access)
        return Area(ioas, iova, memory.size)

    @rule(target=areas, ioas=ioases, memory=buffers, access=ACCESS)
    def map_anywhere(self, ioas: str, memory: Memory, access: str) -> Area | MultipleResults[Area]:
        iova = self.session.map(ioas, None, memory.name, access).value
        return multiple() if iova is None else Area(ioas, iova, memory.size)

    @rule(target=areas, ioas=ioases, iova=IOVAS, memory=files, access=ACCESS)
    def map_file(self, ioas: str, iova: int, memory: Memory, access: str) -> Area:
        self.session.map_file(ioas, iova, memory.name, access)
        return Area(ioas, iova, memory.size)

    @rule(target=areas, ioas=ioases, iova=IOVAS, source=areas, access=ACCESS)
    def ioas_copy(self, ioas: str, iova: int, source: Area, access: str) -> Area:
        self.session.ioas_copy(ioas, iova, *source, access)
        return Area(ioas, iova, source.length)

    @rule(area=areas)
    def unmap(self, area: Area) -> None:
        self.session.unmap(*area)

    @rule(ioas=ioases, iova=IOVAS, pages=PAGES)
    def unmap_range(self, ioas: str, iova: int, pages: int) -> None:
        self.session.unmap(ioas, iova, pages * PAGE)

    @rule(ioas=ioases)
    def unmap_all(self, ioas: str) -> None:
        self.session.unmap_all(ioas)

    @rule(ioas=ioases)
    def ranges(self, ioas: str) -> None:
        self.session.ranges(ioas)

    @rule(ioas=ioases, iova=IOVAS, pages=PAGES)
    def allow(self, ioas: str, iova: int, pages: int) -> None:
        self.session.allow(ioas, (iova, pages * PAGE))

    @rule(ioas=ioases, huge_pages=st.booleans())
    def option(self, ioas: str, huge_pages: bool) -> None:
        self.session.option(ioas, huge_pages=huge_pages)

    # ---- attachment ------------------------------------------------------------------------------------------

    @rule(device=devices, domain=ioases)
    def attach(self, device: str, domain: str) -> None:
        self._attach(device, domain)

    @rule(device=devices, domain=hwpts)
    def attach_hwpt(self, device: str, domain: str) -> None:
        self._attach(device, domain)

    def _attach(self, device: str, domain: str) -> None:
        step = self.session.replace if device in self._attached else self.session.attach
        if step(device, domain).ok:
            self._attached.add(device)

    @rule(device=devices)
    def detach(self, device: str) -> None:
        self.session.detach(device)
        self._attached.discard(device)

    # ---- DMA -------------------------------------------------------------------------------------------------

    @rule(device=idle, verb=DIRECTION, area=areas, part=PARTS)
    def dma(self, device: str, verb: str, area: Area, part: tuple[int, int]) -> None:
        self.session.dma(device, verb, area.iova + part[0], part[1])

    @rule(device=idle, area=areas, to=areas, part=PARTS)
    def copy(self, device: str, area: Area, to: Area, part: tuple[int, int]) -> None:
        self.session.dma(device, "copy", area.iova + part[0], part[1], to=to.iova)

    @rule(device=idle)
    def view(self, device: str) -> None:
        self.session.view(device)

    @rule(target=started, device=consumes(idle), verb=DIRECTION, area=areas, part=PARTS)
    def start(self, device: str, verb: str, area: Area, part: tuple[int, int]) -> str:
        self.session.start(device, verb, area.iova + part[0], part[1])
        self._background[device] = self.session.wait
        return device

    @rule(target=idle, device=consumes(started))
    def wait(self, device: str) -> str:
        self._background.pop(device)(device)
        return device

    @rule(target=pumping, device=consumes(idle), verb=DIRECTION, area=areas, part=PARTS)
    def pump(self, device: str, verb: str, area: Area, part: tuple[int, int]) -> str:
        self.session.pump(device, verb, area.iova + part[0], part[1])
        self._background[device] = self.session.halt
        return device

    @rule(target=idle, device=consumes(pumping))
    def halt(self, device: str) -> str:
        self._background.pop(device)(device)
        return device

    # ---- the device itself -----------------------------------------------------------------------------------

    @rule(target=closed, device=consumes(idle))
    def close(self, device: str) -> str:
        self.session.close(device)
        return device

    @rule(target=idle, device=consumes(closed))
    def open(self, device: str) -> str | MultipleResults[str]:
        return device if self.session.open(device).ok else multiple()

    @precondition(_if_it_has("reset"))
    @rule(device=idle)
    def reset(self, device: str) -> None:
        self.session.reset(device)
