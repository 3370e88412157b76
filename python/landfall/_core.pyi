# Printed by python/tools/stubs.py.
from typing import Callable, ClassVar, Optional, Union

class Allow:
    """Sets the IOVAs that must stay mappable."""
    @property
    def ioas(self) -> str: ...
    @property
    def ranges(self) -> list[IovaRange]: ...

class Answer:
    """The kernel's answer to a control step."""
    @property
    def errno(self) -> int:
        """0 is success; compare with the names of the errno module."""
    def fulfils(self, expected: str) -> bool:
        """True if `expected`, written as in a scenario, allows this outcome."""
    @property
    def ok(self) -> bool: ...
    @property
    def ranges(self) -> list[IovaRange]: ...
    @property
    def value(self) -> Optional[int]: ...

class Attach:
    """Attaches or replaces: one ioctl, two beliefs of the writer."""
    @property
    def device(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def replace(self) -> bool: ...

class Broken:
    """The lab could not carry the step out."""
    def fulfils(self, expected: str) -> bool:
        """True if `expected`, written as in a scenario, allows this outcome."""
    @property
    def reason(self) -> str: ...

class Buffer:
    """Memory of the lab, filled with a pattern all its own."""
    @property
    def huge(self) -> bool: ...
    @property
    def memfd(self) -> bool: ...
    @property
    def name(self) -> str: ...
    @property
    def read_only(self) -> Optional[BufferSlice.Span]:
        """None, or the bytes of it that the process may only read."""
    @property
    def scattered(self) -> bool: ...
    @property
    def size(self) -> int: ...
    @property
    def skew(self) -> int: ...

class BufferSlice:
    """Bytes of a named buffer; without `span` all of it."""
    class Span:
        @property
        def length(self) -> int: ...
        @property
        def offset(self) -> int: ...
    @property
    def buffer(self) -> str: ...
    @property
    def span(self) -> Optional[BufferSlice.Span]: ...

class Choices:
    """Where arbitrary decisions come from; to be subclassed."""
    def __init__(self) -> None: ...
    def below(self, n: int) -> int:
        """A number in [0, n). Small ones lead to simple things."""
    def extend(self, least: int, most: int, part: Callable[[], int]) -> None:
        """Calls part() until the length it returns is a chosen one, at most `most` times."""

class Destroy:
    """Destroys an IOAS or HWPT."""
    @property
    def object(self) -> str: ...

class Detach:
    """Detaches a device."""
    @property
    def device(self) -> str: ...

class DeviceControl:
    """Opens, closes or resets a device."""
    class Verb:
        open: ClassVar[DeviceControl.Verb]
        close: ClassVar[DeviceControl.Verb]
        reset: ClassVar[DeviceControl.Verb]
        @property
        def name(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def verb(self) -> DeviceControl.Verb: ...

class DeviceFact:
    """A device of the rig."""
    @property
    def alias(self) -> Optional[str]: ...
    @property
    def bdf(self) -> str: ...
    @property
    def device(self) -> int: ...
    @property
    def engine(self) -> str: ...
    @property
    def group(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def vendor(self) -> int: ...

class Dma:
    """One DMA, waited for."""
    @property
    def request(self) -> DmaRequest: ...

class DmaEvent:
    """One DMA of a pump, or several that were all alike."""
    @property
    def request(self) -> DmaRequest: ...
    @property
    def times(self) -> int:
        """How many there were."""

class DmaRequest:
    """What a DMA is asked to do."""
    class Verb:
        write: ClassVar[DmaRequest.Verb]
        read: ClassVar[DmaRequest.Verb]
        copy: ClassVar[DmaRequest.Verb]
        @property
        def name(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def range(self) -> IovaRange: ...
    @property
    def target(self) -> Optional[int]: ...
    @property
    def verb(self) -> DmaRequest.Verb: ...

class EndFact:
    """The run came to its end."""
    @property
    def steps(self) -> int: ...

class Explored:
    """How far an exploration came."""
    @property
    def complete(self) -> bool:
        """Exhaustive: there are no others."""
    @property
    def cut(self) -> int:
        """Exhaustive: given up, for another covers them."""
    @property
    def distinct(self) -> int:
        """That differ in more than the order of steps that do not touch each other."""
    @property
    def micro_steps(self) -> int: ...
    @property
    def schedules(self) -> int:
        """That ran to their end."""

class FaultEvent:
    """The IOMMU says it blocked a DMA."""
    @property
    def access(self) -> str: ...
    @property
    def address(self) -> int: ...
    @property
    def reason(self) -> Optional[int]: ...
    @property
    def requester(self) -> str: ...

class FaultInfo:
    """Something a simulated rig can get wrong on purpose."""
    @property
    def name(self) -> str: ...
    @property
    def rules(self) -> str:
        """Those that are to see it, the best first."""
    @property
    def text(self) -> str:
        """What goes wrong."""

class GenerateOptions:
    """What a generated scenario may be made of."""
    def __init__(self, *, groups: list[list[str]] = [['a', 'b'], ['c']], features: list[str] = ['hwpt', 'map-file', 'huge-buffers', 'reset', 'witness'], most_steps: int = 40, lanes: bool = True, background: bool = True, copies_beside: bool = True) -> None: ...
    @property
    def background(self) -> bool:
        """start/wait and pump/halt around other steps."""
    @property
    def copies_beside(self) -> bool:
        """Copies while other DMA is under way, whose bytes a real rig then finds in two places."""
    @property
    def features(self) -> list[str]:
        """What the rig has; the rest is not used."""
    @property
    def groups(self) -> list[list[str]]:
        """Devices, group by group."""
    @property
    def lanes(self) -> bool:
        """Blocks of steps that run side by side."""
    @property
    def most_steps(self) -> int:
        """About; the objects a scenario begins with come on top."""

class GuestPlace:
    """Memory of the machine that is not the lab's."""
    @property
    def address(self) -> int:
        """Guest-physical."""
    @property
    def length(self) -> int:
        """Bytes."""
    @property
    def seq(self) -> int:
        """Number of the stamps that were found in it."""
    @property
    def use(self) -> str:
        """What it was in use for."""

class Halt:
    """Ends a pump."""
    @property
    def device(self) -> str: ...

class History:
    """What became of one interleaving."""
    @property
    def schedule(self) -> str:
        """For replay(); empty if `seed` says which it is."""
    @property
    def seed(self) -> int: ...
    @property
    def trace(self) -> Trace: ...

class Hwpt:
    """An explicit hardware page table of an IOAS."""
    @property
    def device(self) -> str: ...
    @property
    def ioas(self) -> str: ...
    @property
    def name(self) -> str: ...

class Interval:
    """It happened at some instant of [begin, end]; nanoseconds of the rig's clock."""
    @property
    def begin(self) -> int: ...
    @property
    def end(self) -> int: ...

class Ioas:
    """A new I/O address space."""
    @property
    def bare(self) -> bool: ...
    @property
    def name(self) -> str: ...

class IoasCopy:
    """Maps the pages of another mapping."""
    @property
    def access(self) -> str: ...
    @property
    def destination(self) -> str: ...
    @property
    def iova(self) -> Optional[int]: ...
    @property
    def range(self) -> IovaRange: ...
    @property
    def source(self) -> str: ...

class IovaRange:
    """Bytes of I/O virtual address space, from `start`."""
    @property
    def length(self) -> int: ...
    @property
    def start(self) -> int: ...

class KernelEvent:
    """The kernel complains about itself."""
    @property
    def text(self) -> str: ...

class Known:
    """A finding already understood."""
    @property
    def reference(self) -> str: ...
    @property
    def rules(self) -> list[str]: ...
    @property
    def text(self) -> str: ...

class LabEvent:
    """The lab lost something."""
    @property
    def text(self) -> str: ...

class Landing:
    """What became of one DMA."""
    class Status:
        done: ClassVar[Landing.Status]
        error: ClassVar[Landing.Status]
        timeout: ClassVar[Landing.Status]
        @property
        def name(self) -> str: ...
    @property
    def also(self) -> list[Segment]: ...
    @property
    def from_(self) -> list[Segment]: ...
    def fulfils(self, expected: str) -> bool:
        """True if `expected`, written as in a scenario, allows this outcome."""
    @property
    def lands(self) -> list[Segment]: ...
    @property
    def seq(self) -> Optional[int]: ...
    @property
    def status(self) -> Optional[Landing.Status]: ...

class Line:
    """One line of a scenario or trace."""
    @property
    def comment(self) -> str: ...
    @property
    def event(self) -> Optional[Union[FaultEvent, KernelEvent, StrayEvent, DmaEvent, LabEvent]]: ...
    @property
    def expected(self) -> Optional[Union[Answer, Landing, Sighting, Unmet, Broken]]: ...
    @property
    def fact(self) -> Optional[Union[DeviceFact, StagingFact, ReservedFact, TextFact, EndFact]]: ...
    @property
    def number(self) -> int:
        """1-based line in its file."""
    @property
    def observed(self) -> Optional[Union[Answer, Landing, Sighting, Unmet, Broken]]: ...
    @property
    def step(self) -> Optional[Union[Require, Buffer, Ioas, Hwpt, Map, IoasCopy, Unmap, Attach, Detach, Destroy, DeviceControl, Ranges, Allow, Option, Dma, Start, Wait, Pump, Halt, View, Sleep, Witness]]: ...
    @property
    def when(self) -> Optional[Interval]: ...

class Map:
    """Maps a buffer into an IOAS."""
    @property
    def access(self) -> str: ...
    @property
    def file(self) -> bool: ...
    @property
    def ioas(self) -> str: ...
    @property
    def iova(self) -> Optional[int]:
        """None: the kernel chooses."""
    @property
    def memory(self) -> BufferSlice: ...

class Option:
    """Switches huge pages of an IOAS."""
    @property
    def huge_pages(self) -> bool: ...
    @property
    def ioas(self) -> str: ...

class Player:
    """Plays scenario after scenario on one rig and judges each at once."""
    def features(self) -> list[str]:
        """The optional features of the rig."""
    def play(self, scenario: Scenario, seed: int = 1, on_line: Optional[Callable[[Line], None]] = None) -> Verdict:
        """One history; `seed` says which, on a simulated rig."""

class Pump:
    """Repeats a DMA in the background, or walks through its range piece by piece."""
    @property
    def by(self) -> int:
        """Bytes of a piece; 0: the range at once."""
    @property
    def deep(self) -> int:
        """DMAs under way, at most."""
    @property
    def every(self) -> int:
        """Nanoseconds from the start of one to the start of the next, at least."""
    @property
    def request(self) -> DmaRequest: ...

class Random(Choices):
    """The same numbers for the same seed on every machine."""
    def __init__(self, seed: int) -> None: ...

class Ranges:
    """Asks which IOVAs can be mapped."""
    @property
    def ioas(self) -> str: ...

class Rate:
    """How often something that is left to chance fails."""
    def at_least(self, confidence: float) -> float:
        """The probability that is not undercut, with this confidence."""
    @property
    def failures(self) -> int: ...
    @property
    def runs(self) -> int: ...

class Require:
    """What the rig must have."""
    class Kind:
        same_group: ClassVar[Require.Kind]
        different_groups: ClassVar[Require.Kind]
        engine: ClassVar[Require.Kind]
        feature: ClassVar[Require.Kind]
        @property
        def name(self) -> str: ...
    @property
    def kind(self) -> Require.Kind: ...
    @property
    def names(self) -> list[str]: ...

class ReservedFact:
    """IOVAs of a group that cannot be mapped."""
    @property
    def group(self) -> int: ...
    @property
    def range(self) -> IovaRange: ...

class RigFile:
    """What a rig file says."""
    class Kind:
        qemu: ClassVar[RigFile.Kind]
        local: ClassVar[RigFile.Kind]
        sim: ClassVar[RigFile.Kind]
        @property
        def name(self) -> str: ...
    @property
    def functions(self) -> list[RigFunction]: ...
    @property
    def groups(self) -> list[list[str]]: ...
    @property
    def iommu(self) -> str: ...
    @property
    def kernel(self) -> str: ...
    @property
    def kind(self) -> RigFile.Kind: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def title(self) -> str: ...

class RigFunction:
    """A function the lab may touch."""
    @property
    def bdf(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def name(self) -> str: ...

class RuleInfo:
    """A rule of the checker."""
    @property
    def id(self) -> str: ...
    @property
    def promise(self) -> str: ...
    @property
    def source(self) -> str: ...

class RunResult:
    """What a run left behind."""
    @property
    def console(self) -> str: ...
    @property
    def rig_lost(self) -> bool:
        """The rig died under it."""
    @property
    def trace(self) -> Trace: ...
    @property
    def verdict(self) -> Verdict: ...

class Scenario:
    """Lines in order, checked as a whole before anything runs."""
    def devices(self) -> list[str]:
        """The device names the steps use, in order of first use."""
    @property
    def file(self) -> str: ...
    @property
    def lines(self) -> list[Line]: ...
    @staticmethod
    def parse(text: str, file: str = '<text>') -> Scenario:
        """Parses and validates; raises TextError at the first mistake."""
    def print(self) -> str:
        """The canonical text."""
    @staticmethod
    def read(path: str) -> Scenario:
        """Reads a file; '-' is standard input."""
    def title(self) -> str:
        """The first comment: what the scenario claims."""

class Segment:
    """Consecutive bytes of a DMA and the one place they went to or came from."""
    @property
    def length(self) -> int: ...
    @property
    def place(self) -> Optional[BufferSlice]:
        """None: nowhere the lab can see."""

class ShrinkResult:
    """What is left of a scenario that fails."""
    @property
    def after(self) -> Optional[Rate]: ...
    @property
    def before(self) -> Optional[Rate]:
        """Where failing is left to chance."""
    @property
    def runs(self) -> int: ...
    @property
    def scenario(self) -> Scenario: ...
    @property
    def seed(self) -> int:
        """Of a history of it that fails."""
    @property
    def trace(self) -> Trace:
        """Of that history."""
    @property
    def tried(self) -> int:
        """Scenarios."""
    @property
    def violation(self) -> Violation:
        """Of the scenario made small."""

class Sighting:
    """The IOAS a device's DMA was found to go through."""
    def fulfils(self, expected: str) -> bool:
        """True if `expected`, written as in a scenario, allows this outcome."""
    @property
    def ioas(self) -> Optional[str]:
        """None: it goes nowhere."""

class Sleep:
    """Does nothing for a while."""
    @property
    def duration(self) -> int:
        """Nanoseconds."""

class StagingFact:
    """The window every IOAS maps first."""
    @property
    def range(self) -> IovaRange: ...

class Start:
    """Starts one DMA."""
    @property
    def request(self) -> DmaRequest: ...

class StrayEvent:
    """Bytes of the lab that no known DMA wrote, or bytes of DMA elsewhere."""
    @property
    def place(self) -> Union[BufferSlice, GuestPlace]: ...

class TextFact:
    """Anything else worth knowing: rig, kernel, iommu, feature."""
    @property
    def key(self) -> str: ...
    @property
    def value(self) -> str: ...

class Trace:
    """Facts about the rig, then every step and event in the order they ended."""
    @property
    def cut(self) -> bool:
        """The text ended inside a line."""
    @property
    def file(self) -> str: ...
    @property
    def lines(self) -> list[Line]: ...
    @staticmethod
    def parse(text: str, file: str = '<text>') -> Trace:
        """Parses a trace; raises TextError."""
    def print(self) -> str:
        """The canonical text."""
    @staticmethod
    def read(path: str) -> Trace:
        """Reads a file; '-' is standard input."""
    def scenario(self) -> Scenario:
        """The scenario this trace is a run of."""

class Unmap:
    """Removes mappings."""
    @property
    def ioas(self) -> str: ...
    @property
    def range(self) -> Optional[IovaRange]:
        """None: everything."""

class Unmet:
    """A requirement this rig does not fulfil."""
    def fulfils(self, expected: str) -> bool:
        """True if `expected`, written as in a scenario, allows this outcome."""
    @property
    def reason(self) -> str: ...

class Verdict:
    """What a trace proves."""
    class Kind:
        pass_: ClassVar[Verdict.Kind]
        violation: ClassVar[Verdict.Kind]
        inconclusive: ClassVar[Verdict.Kind]
        unmet: ClassVar[Verdict.Kind]
        @property
        def name(self) -> str: ...
    @property
    def dmas(self) -> int: ...
    @property
    def dropped(self) -> int:
        """Further violations, counted and not kept."""
    @property
    def faults(self) -> int: ...
    @property
    def kind(self) -> Verdict.Kind: ...
    @property
    def reason(self) -> str:
        """Of inconclusive and unmet."""
    @property
    def steps(self) -> int: ...
    @property
    def violations(self) -> list[Violation]:
        """Known ones too: a run with no others is a pass."""

class View:
    """Finds the IOAS a device's DMA goes through."""
    @property
    def device(self) -> str: ...

class Violation:
    """One broken promise."""
    @property
    def access(self) -> str: ...
    @property
    def candidates(self) -> list[str]:
        """What would have been right, one line each."""
    @property
    def device(self) -> str: ...
    @property
    def iova(self) -> Optional[IovaRange]: ...
    @property
    def known(self) -> str:
        """Reference of a finding already understood."""
    @property
    def line(self) -> int:
        """Trace line of the step or event that proves it."""
    @property
    def observed(self) -> str:
        """What was seen instead."""
    @property
    def page(self) -> Optional[BufferSlice]:
        """Memory that was touched, or should have been."""
    @property
    def promise(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def source(self) -> str:
        """Where the promise is written."""
    @property
    def summary(self) -> str: ...
    @property
    def window(self) -> Optional[Interval]:
        """It happened at some instant of it."""
    @property
    def witness(self) -> list[int]:
        """Trace lines that prove it."""

class Wait:
    """Sees a started DMA through."""
    @property
    def device(self) -> str: ...

class Witness:
    """Has all memory of the machine searched for what DMA left outside the lab's pages."""

class _RigHandle:
    """A running machine."""
    def __init__(self, name_or_path: str, kernel: str = '', kernel_args: str = '', seed: int = 1, faults: list[str] = [], boot: bool = False, api: str = '', log: Optional[Callable[[str], None]] = None) -> None: ...
    def check(self) -> list[str]:
        """One line a problem; empty if its verdicts can be trusted."""
    def close(self) -> None:
        """Takes the machine down."""
    def close_session(self) -> RunResult:
        """Ends the open session and judges it."""
    def console(self) -> str:
        """What the console said."""
    @property
    def file(self) -> RigFile: ...
    @property
    def known_fit(self) -> bool:
        """A machine in exactly the state in which this one started passed check() before."""
    def open_session(self, devices: list[str]) -> None:
        """What Session begins with."""
    def renew(self) -> None:
        """Leaves the machine for another one like it, not checked. Raises LabError if it does not start; the rig is closed then."""
    def run(self, scenario: Scenario, model: str = '') -> RunResult:
        """Runs a scenario and judges it."""
    def run_step(self, text: str) -> Union[Answer, Landing, Sighting, Unmet, Broken]:
        """One step of the open session."""

def as_scenario(line: Line) -> Line:
    """The scenario line a line of a trace came from."""

def check(trace: Trace, model: str = '', known: list[Known] = [], max_violations: int = 100) -> Verdict:
    """Judges a trace. Violations that a `known` finding covers are named so."""

def explain(trace: Trace, violation: Violation, color: bool = False, width: int = 100) -> str:
    """One violation, told to a person."""

def explore(scenario: Scenario, see: Callable[[History], bool], rig: str = 'sim', faults: list[str] = [], schedules: int = 1000, seed: int = 1, exhaustive: bool = False, burst: int = 4) -> Explored:
    """Plays the scenario in one interleaving after the other, at most `schedules`, while `see` says True."""

def fault_named(name: str) -> FaultInfo:
    """Raises TextError with the names that come close."""

def fault_table() -> list[FaultInfo]:
    """Every fault."""

def first_violation(verdict: Verdict, rule: str = '') -> Optional[Violation]:
    """The first violation of the rule, or of any, that is not known already."""

def fuzz_scenario(seed: int, options: GenerateOptions = GenerateOptions()) -> Scenario:
    """The scenario that `landfall fuzz` runs for this seed."""

def generate(choices: Choices, options: GenerateOptions = GenerateOptions()) -> Scenario:
    """A scenario, every decision of which is asked of `choices`. Where all are 0 it is the simplest."""

def in_flight(scenario: Scenario) -> Scenario:
    """The scenario with its DMA in flight while things change."""

def list_rigs() -> list[RigFile]:
    """Every rig file that ships."""

def load_known() -> list[Known]:
    """Every finding that ships."""

def load_rig(name_or_path: str) -> RigFile:
    """Reads a rig file; touches nothing."""

def make_player(rig: str = 'sim', kernel: str = '', kernel_args: str = '', faults: list[str] = [], model: str = '') -> Player:
    """A player for the rig of that name or file; one that boots does so when it is needed."""

def parse_line(text: str, file: str = '<text>', number: int = 1) -> Line:
    """Parses one line; raises TextError."""

def replay(scenario: Scenario, schedule: str, rig: str = 'sim', faults: list[str] = [], burst: int = 4) -> History:
    """Plays the scenario in this one interleaving."""

def rules() -> list[RuleInfo]:
    """Every rule, with its promise and where that is written."""

def shrink_on(player: Player, scenario: Scenario, rule: str = '', seed: int = 1, confidence: float = 0.99) -> ShrinkResult:
    """Makes a scenario small that fails on the player's rig. Raises LabError if it does not fail."""

def story(trace: Trace, verdict: Verdict, color: bool = False, width: int = 100) -> str:
    """The whole run, told to a person."""

def summary(verdict: Verdict) -> str:
    """A verdict in one line."""

