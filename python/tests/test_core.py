"""The bindings say what the C++ library says."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import landfall
from landfall import Answer, Attach, Landing, Line, Map, Scenario, Sighting, Trace

SCENARIO = """\
# replace moves the group
buffer p1 4K
ioas one
map one 0x200000 p1 rw
attach b one
attach a one => ok
dma b write 0x200000+4K => lands p1
"""

TRACE = """\
rig "edu-pair-vtd"
device a 0000:00:08.0 1234:11e8 group 2 engine edu
device b 0000:00:08.1 1234:11e8 group 2 engine edu alias 0000:02:00.0
staging 0x70000000+1M
@10 @20 ioas one => ok
@30 @40 attach a one => EBUSY
@50 @60 dma b write 0x200000+4K => nowhere => done seq 7 lands p1[0x0+1K] nowhere+3K
@70 ! fault 0000:00:08.1 write 0x300000 reason 0x5
@80 @90 view b => sees one
end 4
"""


def observed(text: str) -> Line:
    return landfall.parse_line(f"@1 @2 {text}")


def test_a_scenario_is_read_and_printed() -> None:
    scenario = Scenario.parse(SCENARIO, "group.scn")
    assert scenario.print() == SCENARIO
    assert scenario.devices() == ["b", "a"]
    assert scenario.title() == "replace moves the group"
    assert scenario.file == "group.scn"


def test_a_step_is_matched_by_its_type() -> None:
    lines = Scenario.parse(SCENARIO).lines
    match lines[3].step:
        case Map(ioas=ioas, iova=iova, access=access, file=file):
            assert (ioas, iova, access, file) == ("one", 0x200000, "rw", False)
        case other:
            pytest.fail(f"{other!r} is no Map")
    match lines[5].step:
        case Attach(device=device, domain=domain, replace=replace):
            assert (device, domain, replace) == ("a", "one", False)
        case other:
            pytest.fail(f"{other!r} is no Attach")
    assert lines[0].step is None and lines[0].comment == " replace moves the group"


def test_text_that_is_wrong_says_where_and_what_was_expected() -> None:
    with pytest.raises(landfall.TextError) as caught:
        Scenario.parse("ioas one\nmap one 0x1000 p1 rw\n", "wrong.scn")
    error = caught.value
    assert (error.file, error.line, error.column) == ("wrong.scn", 2, 16)
    assert error.found == "p1"
    assert "buffer" in error.expected
    assert str(error).startswith("wrong.scn:2:16: ")


def test_a_directory_is_no_scenario(tmp_path: Path) -> None:
    with pytest.raises(landfall.TextError, match="directory"):
        Scenario.read(str(tmp_path))


def test_reading_lets_other_threads_run(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(Scenario.read, str(pipe))
        pipe.write_text(SCENARIO)  # a reader that kept the interpreter to itself would wait for this for ever
        assert reading.result().print() == SCENARIO


def test_a_trace_holds_facts_steps_and_events() -> None:
    trace = Trace.parse(TRACE)
    assert trace.print() == TRACE and not trace.cut
    device = trace.lines[2].fact
    assert isinstance(device, landfall.DeviceFact)
    assert (device.name, device.bdf, device.vendor, device.group) == ("b", "0000:00:08.1", 0x1234, 2)
    assert device.alias == "0000:02:00.0"
    fault = trace.lines[7].event
    assert isinstance(fault, landfall.FaultEvent)
    assert (fault.requester, fault.access, fault.address, fault.reason) == ("0000:00:08.1", "w", 0x300000, 5)
    when = trace.lines[4].when
    assert when is not None and (when.begin, when.end) == (10, 20)


def test_a_trace_is_a_scenario_again() -> None:
    text = TRACE.replace("ioas one", "buffer p1 4K => ok\n@21 @22 ioas one")
    scenario = Trace.parse(text).scenario()
    assert scenario.print().splitlines()[-2:] == ["dma b write 0x200000+4K => nowhere", "view b"]


def test_a_trace_cut_inside_a_line_says_so() -> None:
    assert Trace.parse(TRACE + "@100 @110 att").cut


def test_outcomes_have_types() -> None:
    lines = Trace.parse(TRACE).lines
    answer = lines[5].observed
    assert isinstance(answer, Answer) and not answer.ok and answer.errno == errno.EBUSY
    landing = lines[6].observed
    assert isinstance(landing, Landing) and landing.status == Landing.Status.done and landing.seq == 7
    places = [(s.place.buffer if s.place else None, s.length) for s in landing.lands]
    assert places == [("p1", 1024), (None, 3072)]
    sighting = lines[8].observed
    assert isinstance(sighting, Sighting) and sighting.ioas == "one"


@pytest.mark.parametrize(("outcome", "expected", "fulfilled"), [
    ("attach a one => EBUSY", "EBUSY", True),
    ("attach a one => EBUSY", "ok", False),
    ("dma a write 0x0+4K => done seq 1 lands p1", "lands p1", True),
    ("dma a write 0x0+4K => done seq 1 lands p1", "lands p2", False),
    ("dma a read 0x0+4K => done seq 1 from p1", "from p1", True),
    ("view a => sees one", "sees nothing", False),
])
def test_an_outcome_fulfils_what_a_scenario_would_expect(outcome: str, expected: str, fulfilled: bool) -> None:
    seen = observed(outcome).observed
    assert seen is not None
    assert seen.fulfils(expected) is fulfilled


def test_lines_are_compared_by_what_they_say() -> None:
    one, same = landfall.parse_line("ioas one"), landfall.parse_line("ioas   one", number=9)
    assert one == same and one.step == same.step
    assert one != landfall.parse_line("ioas two")
    assert repr(one) == "<Line 'ioas one'>" and str(one.step) == "ioas one"
