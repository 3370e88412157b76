"""The pytest plugin: collects *.scn, owns the rigs, reports. It runs and judges nothing itself.

Blame decides the report: a rig or lab that failed is an error, a broken promise a failure, a requirement the rig
does not meet a skip that names it. That is why a scenario runs in pytest's setup phase and is judged in its call
phase: what goes wrong while running is the lab's, what the verdict says is the kernel's.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from . import DeviceFact, RigFile, RunResult, Scenario, TextFact, Verdict, fault_named, load_rig
from .errors import Inconclusive, LabError, RigDied, TextError, ViolationError
from .rig import Rig
from .session import Session

DEFAULT_RIG = "sim"  # needs nothing


class Rigs:
    """The rigs of one pytest session: each started when first needed, and never used again after it broke. A virtual one in which
    something went wrong is left for another machine: what a bug leaves behind, a stale translation, is there for every test behind it."""

    def __init__(self, config: pytest.Config) -> None:
        self.names: list[str] = config.getoption("rig") or [DEFAULT_RIG]
        self._required: bool = config.getoption("rig_required")
        self._kernel: str | None = config.getoption("rig_kernel")
        self._kernel_args: str = config.getoption("rig_kernel_args")
        self._seed: int = config.getoption("rig_seed")
        self._faults: list[str] = config.getoption("rig_fault")
        self._boot: bool = config.getoption("rig_boot")
        self._api: str = config.getoption("rig_api")
        self._running: dict[str, Rig] = {}
        self._absent: dict[str, str] = {}
        self._broken: dict[str, str] = {}
        self._worn: set[str] = set()

    def get(self, name: str) -> Rig:
        """The running rig. In its absence the test is skipped, or in error with --rig-required; so it is if the
        rig broke. Meant for the setup phase, where pytest calls a failure an error."""
        if name not in self._running and name not in self._absent and name not in self._broken:
            self._start(name)
        if name in self._worn and name in self._running:
            self._renew(name)
        if name in self._absent:
            self._without(f"rig {name}: {self._absent[name]}")
        if name in self._broken:
            pytest.fail(f"rig {name} is out of use: {self._broken[name]}", pytrace=False)
        return self._running[name]

    def broke(self, name: str, why: str) -> None:
        """Takes the rig out of use for the rest of the session."""
        self._broken.setdefault(name, why)
        if name in self._running:
            self._running.pop(name).close()

    def went_wrong(self, name: str) -> None:
        """Another machine for whoever asks for it next."""
        if name in self._running and self._running[name].file.kind == RigFile.Kind.qemu:
            self._worn.add(name)

    def close(self) -> None:
        while self._running:
            self._running.popitem()[1].close()

    def _start(self, name: str) -> None:
        try:
            self._running[name] = Rig.start(name, self._kernel, self._kernel_args, seed=self._seed, faults=self._faults,
                                             boot=self._boot, api=self._api)
        except LabError as error:
            self._absent[name] = str(error)
            return
        self._check(name)

    def _renew(self, name: str) -> None:
        self._worn.discard(name)
        try:
            self._running[name].renew()
        except LabError as error:
            self.broke(name, f"it did not start again: {error}")
            return
        self._check(name)

    def _check(self, name: str) -> None:
        try:
            problems = [] if self._running[name].known_fit else self._running[name].check()
        except (LabError, RigDied) as error:
            problems = [str(error)]
        if problems:
            self.broke(name, "it failed its own check: " + "; ".join(problems))

    def _without(self, why: str) -> NoReturn:
        if self._required:
            pytest.fail(why, pytrace=False)
        pytest.skip(why)


RIGS = pytest.StashKey[Rigs]()
LAB = pytest.StashKey[Session]()
RESULT = pytest.StashKey[RunResult]()


# ---- options ------------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("landfall", "rigs and scenarios")
    group.addoption("--rig", action="append", default=[], metavar="NAME", help="rig to run on: a name or a rig file;"
                    f" may be given several times [{DEFAULT_RIG}]")
    group.addoption("--rig-kernel", metavar="FILE", help="kernel to boot instead of the rig's own")
    group.addoption("--rig-kernel-args", default="", metavar="ARGS", help="added to the kernel's command line")
    group.addoption("--rig-seed", type=int, default=1, metavar="N", help="which history a simulated rig takes [1]")
    group.addoption("--rig-fault", action="append", default=[], metavar="NAME", help="what a simulated rig gets wrong"
                    " (landfall faults); may be given several times")
    group.addoption("--rig-boot", action="store_true", help="boot virtual rigs, though there may be snapshots; and make none")
    group.addoption("--rig-api", default="", choices=["iommufd", "type1", "compat"], help="iommufd; type1: VFIO"
                    " containers; compat: iommufds in their place [what the rig's file says, or its kernel has]")
    group.addoption("--rig-required", action="store_true", help="an absent rig is an error, not a skip")
    group.addoption("--landfall-output", metavar="DIR", type=Path, help="keep every trace and console in DIR")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RIGS] = Rigs(config)
    try:
        faults = [fault_named(name) for name in config.getoption("rig_fault")]
        files = [load_rig(name) for name in config.stash[RIGS].names]
    except (TextError, LabError) as error:
        raise pytest.UsageError(str(error)) from error
    for file in files:
        if faults and file.kind != RigFile.Kind.sim:
            raise pytest.UsageError(f"--rig-fault: {file.name} is no simulated rig")


def pytest_unconfigure(config: pytest.Config) -> None:
    if RIGS in config.stash:
        config.stash[RIGS].close()


def pytest_report_header(config: pytest.Config) -> str:
    return "landfall: " + ", ".join(config.stash[RIGS].names)


# ---- scenarios ----------------------------------------------------------------------------------------------------


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return ScenarioFile.from_parent(parent, path=file_path) if file_path.suffix == ".scn" else None


class ScenarioFile(pytest.File):
    """One .scn file: a test for every rig."""

    def collect(self) -> Iterator[pytest.Item]:
        try:
            scenario = Scenario.read(str(self.path))
        except TextError as error:
            raise self.CollectError(str(error)) from error
        for rig in self.config.stash[RIGS].names:
            yield ScenarioItem.from_parent(self, name=rig, scenario=scenario)


class ScenarioItem(pytest.Item):
    """A scenario on the rig it is named after: run in setup, judged in the test proper."""

    def __init__(self, *, scenario: Scenario, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scenario = scenario

    def setup(self) -> None:
        rig = self.config.stash[RIGS].get(self.name)
        try:
            self.stash[RESULT] = result = rig.run(self.scenario)
        except LabError as error:
            pytest.fail(f"LabError: {error}", pytrace=False)
        if result.verdict.kind == Verdict.Kind.inconclusive:
            pytest.fail(f"Inconclusive: {result.verdict.reason}", pytrace=False)

    def runtest(self) -> None:
        result = self.stash[RESULT]
        if result.verdict.kind == Verdict.Kind.unmet:
            pytest.skip(result.verdict.reason)
        if result.verdict.kind == Verdict.Kind.violation:
            pytest.fail(str(ViolationError(result)), pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.path.stem} [{self.name}] {self.scenario.title()}"


# ---- fixtures -----------------------------------------------------------------------------------------------------


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "rig" in metafunc.fixturenames:
        metafunc.parametrize("rig", metafunc.config.stash[RIGS].names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def rig(request: pytest.FixtureRequest) -> Rig:
    """The running rig of each --rig."""
    return request.config.stash[RIGS].get(request.param)


@pytest.fixture
def lab(rig: Rig, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A live session with every device of the rig. Its trace is judged when the test function has returned."""
    session = request.node.stash[LAB] = rig.session()
    yield session
    session.abandon()


@pytest.fixture
def group(rig: Rig) -> list[str]:
    """Device names of the rig's first group that has two members or more."""
    for names in rig.file.groups:
        if len(names) >= 2:
            return names
    pytest.skip(f"rig {rig.file.name} has no group of two devices")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    # A session's fixture outlives the rig it holds.
    if isinstance(item, pytest.Function) and "rig" in item.fixturenames:
        item.config.stash[RIGS].get(_rig_name(item))


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    # After the test function, and still in the call phase: a violation is the test's failure, not its teardown's.
    if LAB in item.stash:
        try:
            item.stash[LAB].finish()
        except ViolationError as error:
            pytest.fail(str(error), pytrace=False)


# ---- reports ------------------------------------------------------------------------------------------------------


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    error = call.excinfo.value if call.excinfo else None
    result = _result(item) if call.when == "call" or error is not None else None
    if isinstance(error, RigDied) or (result is not None and result.rig_lost):
        item.config.stash[RIGS].broke(_rig_name(item), f"it died in {item.nodeid}")
    elif result is not None and result.verdict.violations:
        item.config.stash[RIGS].went_wrong(_rig_name(item))
    if result is not None:
        _describe(item, result)
        if error is not None:
            item.add_report_section(call.when, "stdout (trace)", result.trace.print())
            item.add_report_section(call.when, "stderr (console)", result.console)
    outcome = yield
    report = outcome.get_result()
    if report.skipped and isinstance(item, ScenarioItem):
        report.longrepr = (str(item.path), 1, report.longrepr[2])  # the summary names the scenario, not this file
    if report.failed and report.when == "call" and _blames_lab(error):
        report.when = "setup"  # what pytest, and whoever reads its JUnit file, calls an error


def _blames_lab(error: BaseException | None) -> bool:
    return isinstance(error, (LabError, Inconclusive)) or (isinstance(error, RigDied) and not error.kernel_died)


def _result(item: pytest.Item) -> RunResult | None:
    if LAB in item.stash:
        item.stash[LAB].abandon()
        return item.stash[LAB].result
    return item.stash[RESULT] if RESULT in item.stash else None


def _rig_name(item: pytest.Item) -> str:
    return str(item.callspec.params["rig"]) if isinstance(item, pytest.Function) else item.name


def _describe(item: pytest.Item, result: RunResult) -> None:
    """JUnit properties, and the files of --landfall-output."""
    facts = [line.fact for line in result.trace.lines if line.fact]
    kernel = [f.value for f in facts if isinstance(f, TextFact) and f.key == "kernel"]
    groups: dict[int, list[str]] = {}
    for fact in facts:
        if isinstance(fact, DeviceFact) and fact.name != "-":
            groups.setdefault(fact.group, []).append(fact.name)
    item.user_properties += [
        ("rig", _rig_name(item)),
        ("kernel", " ".join(kernel)),
        ("group", "; ".join(f"{number}: {' '.join(names)}" for number, names in sorted(groups.items()))),
        ("verdict", str(result.verdict)),
    ]
    folder: Path | None = item.config.getoption("landfall_output")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-")
        (folder / f"{stem}.trace").write_text(result.trace.print())
        (folder / f"{stem}.console").write_text(result.console)
