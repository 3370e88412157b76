"""Live sessions on a real rig; needs --rig."""

from __future__ import annotations

import errno

import pytest

import landfall
from landfall import Rig, Session, Verdict

IOVA, PAGE = 0x200000, 4096


def one_page(lab: Session, *devices: str) -> None:
    """A page in IOAS one, which the devices are attached to."""
    lab.buffer("p1", "4K")
    lab.ioas("one")
    lab.map("one", IOVA, "p1", "rw")
    for device in devices:
        assert lab.attach(device, "one").ok


def test_replace_through_one_function_moves_its_group(lab: Session, group: list[str]) -> None:
    first, second, *_ = group
    one_page(lab, first, second)
    lab.ioas("two")
    assert lab.dma(second, "write", IOVA, PAGE).fulfils("lands p1")
    assert lab.replace(first, "two").ok
    assert lab.dma(second, "write", IOVA, PAGE).fulfils("nowhere")
    assert lab.view(second).ioas == "two"


def test_a_refusal_is_an_answer(lab: Session, group: list[str]) -> None:
    first, second, *_ = group
    one_page(lab, first)
    lab.ioas("two")
    answer = lab.attach(second, "two", expect="EINVAL")
    assert not answer.ok and answer.errno == errno.EINVAL


def test_a_step_may_be_a_line_of_the_language(lab: Session, group: list[str]) -> None:
    one_page(lab, group[0])
    outcome = lab.step(f"dma {group[0]} read 0x200000+4K => from p1  # as in a file")
    assert isinstance(outcome, landfall.Landing) and outcome.fulfils("from p1")


def test_every_verb_has_a_method(lab: Session, group: list[str]) -> None:
    first = group[0]
    one_page(lab, first)
    lab.ioas("bare", bare=True)
    lab.hwpt("page-table", "one", first)
    assert lab.replace(first, "page-table").ok
    assert (copied := lab.ioas_copy("bare", None, "one", IOVA, PAGE, "r")).value is not None
    assert lab.unmap("bare", copied.value, PAGE).value == PAGE
    assert lab.unmap_all("bare").value == 0
    assert lab.ranges("one").ranges
    assert lab.allow("bare", (0x100000, "1M")).ok
    assert lab.option("bare", huge_pages=False).ok
    assert lab.destroy("bare").ok
    assert lab.start(first, "write", IOVA, PAGE).ok
    assert lab.wait(first, expect="lands p1").fulfils("lands p1")
    assert lab.pump(first, "write", IOVA, PAGE).ok
    lab.sleep("1ms")
    assert lab.halt(first).ok
    assert lab.dma(first, "copy", IOVA, 64, to=IOVA + 2048).fulfils("from p1 lands p1")
    assert lab.detach(first).ok
    assert lab.reset(first).errno in (0, errno.EINVAL)  # edu has no function reset
    assert lab.close(first).ok
    assert lab.open(first).ok


def test_what_a_session_does_wrong_is_not_sent(lab: Session) -> None:
    with pytest.raises(landfall.TextError, match="an IOAS declared on an earlier line"):
        lab.map("one", IOVA, "p1", "rw")
    assert lab.ioas("one").ok


def test_an_expectation_that_is_not_met_is_a_violation(rig: Rig, group: list[str]) -> None:
    with pytest.raises(landfall.ViolationError, match="expectation") as caught, rig.session() as session:
        one_page(session, group[0])
        session.dma(group[0], "write", IOVA, PAGE, expect="nowhere")
    result = caught.value.result
    assert [v.rule for v in result.verdict.violations] == ["expectation"]
    assert result.verdict.violations[0].device == group[0]


def test_a_requirement_the_rig_does_not_meet_is_a_skip(rig: Rig) -> None:
    with pytest.raises(landfall.RequirementUnmet, match="teleport"), rig.session() as session:
        session.require("feature", "teleport")


def test_one_session_at_a_time(rig: Rig, lab: Session) -> None:
    lab.ioas("one")
    with pytest.raises(landfall.LabError, match="a live session is open"):
        rig.session()


def test_a_session_that_ended_takes_no_steps(rig: Rig) -> None:
    with rig.session() as session:
        session.ioas("one")
    with pytest.raises(landfall.LabError, match="has ended"):
        session.ioas("two")


def test_a_device_the_rig_does_not_have(rig: Rig) -> None:
    with pytest.raises(landfall.LabError, match="nix"):
        rig.session(["nix"])


def test_a_live_trace_is_a_scenario(rig: Rig, group: list[str]) -> None:
    with rig.session(group) as session:
        one_page(session, group[0])
        session.dma(group[0], "write", IOVA, PAGE, expect="lands p1")
    assert session.result is not None
    again = rig.run(session.result.trace.scenario())
    assert again.verdict.kind == Verdict.Kind.pass_
    assert again.trace.scenario().print() == session.result.trace.scenario().print()
