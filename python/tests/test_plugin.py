"""The pytest plugin in front of paper rigs: what becomes an error, a failure, a skip."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from pathlib import Path
from types import SimpleNamespace

import pytest
from paper import PaperRig, result_of

import landfall
from landfall import LabError, RigDied, Scenario

PASSING = """\
@10 @20 buffer p1 4K => ok
@20 @30 ioas one => ok
@30 @40 map one 0x200000 p1 rw => ok
@40 @50 attach a one => ok
@50 @60 dma a write 0x200000+4K => done seq 1 lands p1
end 5
"""
# Both went to domain two with a; b's DMA may not land in what only domain one maps.
STALE = """\
@10 @20 buffer p1 4K => ok
@20 @30 ioas one => ok
@20 @30 ioas two => ok
@30 @40 map one 0x200000 p1 rw => ok
@40 @50 attach a one => ok
@50 @60 attach b one => ok
@60 @70 replace a two => ok
@80 @90 dma b write 0x200000+4K => done seq 1 lands p1
end 8
"""
UNMET = '@10 @20 require engine a igb => unmet "a is driven by edu, not igb"\nend 1\n'
ONE_RIG = ["-p", "landfall.plugin", "--rig", "edu-pair-vtd"]


def scenario(pytester: pytest.Pytester, name: str = "one", text: str = "ioas one\n") -> None:
    (pytester.path / f"{name}.scn").write_text(text)


def live_test(pytester: pytest.Pytester, body: str) -> None:
    pytester.makepyfile("def test_live(lab):\n" + "".join(f"    {line}\n" for line in body.splitlines()))


# ---- scenarios ----------------------------------------------------------------------------------------------------


def test_a_scenario_that_passes(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.run_ = staticmethod(lambda _: result_of(PASSING))
    scenario(pytester)
    run = pytester.runpytest(*ONE_RIG, "-v")
    run.assert_outcomes(passed=1)
    run.stdout.fnmatch_lines(["*one.scn::edu-pair-vtd PASSED*"])


def test_a_wrong_landing_is_a_failure_that_explains_itself(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.run_ = staticmethod(lambda _: result_of(STALE))
    scenario(pytester)
    run = pytester.runpytest(*ONE_RIG)
    run.assert_outcomes(failed=1)
    run.stdout.fnmatch_lines(["*landing*", "*Captured stdout (trace)*", "*replace a two => ok*",
                              "*Captured stderr (console)*", "Linux version 7.3.4"])


def test_an_unmet_requirement_is_a_skip_that_names_it(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.run_ = staticmethod(lambda _: result_of(UNMET))
    scenario(pytester)
    run = pytester.runpytest(*ONE_RIG, "-rs")
    run.assert_outcomes(skipped=1)
    run.stdout.fnmatch_lines(["SKIPPED*one.scn:1: a is driven by edu, not igb"])


def test_a_trace_that_proves_nothing_is_an_error(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.run_ = staticmethod(lambda _: result_of("@10 @20 ioas one => ok\n"))
    scenario(pytester)
    run = pytester.runpytest(*ONE_RIG)
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["Inconclusive: *"])


def test_text_that_is_no_scenario_is_named_before_anything_boots(pytester: pytest.Pytester,
                                                                 paper_rig: type[PaperRig]) -> None:
    scenario(pytester, text="iaos one\n")
    run = pytester.runpytest(*ONE_RIG)
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["*one.scn:1:1: found 'iaos', expected *"])
    assert paper_rig.started == []


# ---- rigs ---------------------------------------------------------------------------------------------------------


def test_a_rig_boots_once_for_all_its_tests(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.run_ = staticmethod(lambda _: result_of(PASSING))
    scenario(pytester, "one")
    scenario(pytester, "two")
    live_test(pytester, "lab.ioas('one')")
    run = pytester.runpytest(*ONE_RIG, "--rig", "edu-bridge-vtd", "--rig-kernel", "bz", "--rig-kernel-args", "quiet")
    run.assert_outcomes(passed=6)
    assert sorted(paper_rig.started) == [("edu-bridge-vtd", "bz", "quiet"), ("edu-pair-vtd", "bz", "quiet")]


@pytest.mark.parametrize(("required", "outcomes"), [([], {"skipped": 2}), (["--rig-required"], {"errors": 2})])
def test_an_absent_rig_is_a_skip_unless_it_is_required(pytester: pytest.Pytester, paper_rig: type[PaperRig],
                                                       required: list[str], outcomes: dict[str, int]) -> None:
    paper_rig.start_error = LabError("there is no qemu-system-x86_64 on this machine", "apt-get install it")
    scenario(pytester)
    live_test(pytester, "lab.ioas('one')")
    run = pytester.runpytest(*ONE_RIG, *required, "-rsE")
    run.assert_outcomes(**outcomes)
    run.stdout.fnmatch_lines(["*rig edu-pair-vtd: there is no qemu-system-x86_64 on this machine (apt-get install it)*"])
    assert len(paper_rig.started) == 1


def test_a_rig_nobody_knows_is_a_usage_error(pytester: pytest.Pytester) -> None:
    run = pytester.runpytest("-p", "landfall.plugin", "--rig", "no-such-rig")
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(["ERROR: *no-such-rig*"])


def test_a_rig_that_fails_its_check_is_an_error(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.problems = ["a and b are not in one group"]
    scenario(pytester)
    run = pytester.runpytest(*ONE_RIG)
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["rig edu-pair-vtd is out of use: *a and b are not in one group*"])


def test_a_rig_in_a_state_that_passed_its_check_is_not_checked_again(pytester: pytest.Pytester,
                                                                     paper_rig: type[PaperRig]) -> None:
    paper_rig.problems = ["nobody asked for them"]
    paper_rig.known_fit = True
    paper_rig.run_ = staticmethod(lambda _: result_of(PASSING))
    scenario(pytester)
    pytester.runpytest(*ONE_RIG).assert_outcomes(passed=1)
    assert not paper_rig.booted


def test_a_rig_boots_where_that_is_asked_for(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.run_ = staticmethod(lambda _: result_of(PASSING))
    scenario(pytester)
    pytester.runpytest(*ONE_RIG, "--rig-boot").assert_outcomes(passed=1)
    assert paper_rig.booted


def test_a_rig_is_driven_by_the_api_that_is_asked_for(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.run_ = staticmethod(lambda _: result_of(PASSING))
    scenario(pytester)
    pytester.runpytest(*ONE_RIG, "--rig-api", "type1").assert_outcomes(passed=1)
    assert paper_rig.api == "type1"


def test_a_machine_in_which_something_went_wrong_is_left_for_another(
        pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    seen: list[int] = []

    def run(which: Scenario) -> SimpleNamespace:
        seen.append(paper_rig.renewed)
        return result_of(STALE if "two" in which.file else PASSING)

    paper_rig.run_ = staticmethod(run)
    for name in ("one", "three", "two"):
        scenario(pytester, name)
    live_test(pytester, "lab.ioas('one')")
    pytester.runpytest(*ONE_RIG, "one.scn", "two.scn", "three.scn", "-p", "no:randomly").assert_outcomes(passed=2, failed=1)
    assert seen == [0, 0, 1] and len(paper_rig.started) == 1
    paper_rig.renew_error = LabError("no memory")
    run_again = pytester.runpytest(*ONE_RIG, "two.scn", "three.scn")
    run_again.assert_outcomes(failed=1, errors=1)
    run_again.stdout.fnmatch_lines(["rig edu-pair-vtd is out of use: it did not start again: no memory"])


def test_a_rig_that_broke_is_an_error_and_not_used_again(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    asked: list[str] = []

    def run(which: Scenario) -> SimpleNamespace:
        asked.append(which.file)
        return result_of('@10 ! lab "the guest\'s channel closed"\n', rig_lost=True)

    paper_rig.run_ = staticmethod(run)
    scenario(pytester, "one")
    scenario(pytester, "two")
    live_test(pytester, "lab.ioas('one')")
    outcome = pytester.runpytest(*ONE_RIG)
    outcome.assert_outcomes(errors=3)
    outcome.stdout.fnmatch_lines(["Inconclusive: *the guest's channel closed*",
                                  "rig edu-pair-vtd is out of use: it died in one.scn::edu-pair-vtd"])
    assert len(asked) == 1 and len(paper_rig.started) == 1


def test_a_kernel_that_died_is_a_failure_and_its_rig_not_used_again(pytester: pytest.Pytester,
                                                                    paper_rig: type[PaperRig]) -> None:
    paper_rig.run_ = staticmethod(lambda _: result_of('@10 ! kernel "Kernel panic - not syncing"\n', rig_lost=True))
    scenario(pytester, "one")
    scenario(pytester, "two")
    run = pytester.runpytest(*ONE_RIG)
    run.assert_outcomes(failed=1, errors=1)
    run.stdout.fnmatch_lines(["*Kernel panic - not syncing*"])


# ---- the simulated rig ---------------------------------------------------------------------------------------------


def test_without_a_rig_tests_run_on_the_simulated_one(pytester: pytest.Pytester) -> None:
    scenario(pytester)
    live_test(pytester, "assert lab.ioas('one').ok")
    run = pytester.runpytest("-p", "landfall.plugin", "-v")
    run.assert_outcomes(passed=2)
    run.stdout.fnmatch_lines(["landfall: sim", "*one.scn::sim PASSED*", "*::test_live?sim? PASSED*"])


STALE_UNMAP = """\
buffer p1 4K
ioas one
map one 0x200000 p1 rw
attach a one
dma a write 0x200000+64
unmap one 0x200000+4K
dma a write 0x200000+64
"""


def test_a_simulated_rig_gets_wrong_what_it_is_told_to(pytester: pytest.Pytester) -> None:
    scenario(pytester, text=STALE_UNMAP)
    on_sim = ["-p", "landfall.plugin"]
    pytester.runpytest(*on_sim).assert_outcomes(passed=1)
    run = pytester.runpytest(*on_sim, "--rig-fault", "kernel-warns", "--rig-fault", "unmap-without-flush")
    run.assert_outcomes(failed=1)
    run.stdout.fnmatch_lines(["*landing*"])


def test_a_simulated_rig_takes_the_history_it_is_told_to(pytester: pytest.Pytester) -> None:
    scenario(pytester, text="ioas one\nlane 1: attach a one\nlane 2: attach b one\n")
    traces = set()
    for n in range(8):
        pytester.runpytest("-p", "landfall.plugin", f"--rig-seed={n}", f"--landfall-output={n}").assert_outcomes(passed=1)
        traces.add((pytester.path / str(n) / "one.scn-sim.trace").read_text())
    assert len(traces) > 1


@pytest.mark.parametrize(("options", "said"), [
    (["--rig-fault", "unmap-with-flush"], "*unmap-without-flush*"),
    (["--rig-fault", "unmap-without-flush", "--rig", "edu-pair-vtd"], "*edu-pair-vtd is no simulated rig*"),
])
def test_a_fault_that_cannot_be_is_a_usage_error(pytester: pytest.Pytester, options: list[str], said: str) -> None:
    run = pytester.runpytest("-p", "landfall.plugin", *options)
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(["ERROR: " + said])


def test_several_processes_have_a_rig_each(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist", reason="python3-pytest-xdist is not installed")
    pytester.makeini(f"[pytest]\npythonpath = {Path(landfall.__file__).parents[1]}\n")
    pytester.makeconftest('pytest_plugins = ["landfall.plugin"]')
    scenario(pytester, "good")
    scenario(pytester, "bad", "ioas one\nview a => sees one\n")
    live_test(pytester, "assert lab.ioas('one').ok")
    run = pytester.runpytest("-n", "2", "--landfall-output=kept")
    run.assert_outcomes(passed=2, failed=1)
    assert len(list((pytester.path / "kept").iterdir())) == 6


# ---- live tests ---------------------------------------------------------------------------------------------------

LIVE = """\
lab.buffer("p1", "4K")
lab.ioas("one")
lab.map("one", 0x200000, "p1", "rw")
assert lab.attach("a", "one").ok
assert lab.dma("a", "write", 0x200000, "4K").fulfils("lands p1")
"""


def test_a_live_test_is_judged_when_it_has_returned(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.answer = staticmethod(lambda text: "done seq 1 lands p1" if text.startswith("dma") else "ok")
    live_test(pytester, LIVE)
    pytester.runpytest(*ONE_RIG).assert_outcomes(passed=1)


def test_a_violation_nobody_asserted_is_a_failure(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.answer = staticmethod(lambda text: "done seq 1 lands p1" if text.startswith("dma") else "ok")
    live_test(pytester, LIVE + 'lab.unmap("one", 0x200000, "4K")\nlab.dma("a", "write", 0x200000, "4K")')
    run = pytester.runpytest(*ONE_RIG)
    run.assert_outcomes(failed=1)
    run.stdout.fnmatch_lines(["violation: *landing*", "*Captured stdout (trace)*"])


def test_what_breaks_the_lab_in_a_live_test_is_an_error(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.answer = staticmethod(lambda text: 'broken "device a cannot be reset"')
    live_test(pytester, "lab.reset('a')")
    run = pytester.runpytest(*ONE_RIG, "--junit-xml=out.xml")
    run.assert_outcomes(passed=0, failed=0, errors=1)
    run.stdout.fnmatch_lines(["*LabError: device a cannot be reset"])
    case = xml.parse(pytester.path / "out.xml").find(".//testcase")
    assert case is not None and case.find("error") is not None and case.find("failure") is None


@pytest.mark.parametrize(("kernel_died", "outcomes"), [(False, {"errors": 2}), (True, {"failed": 1, "errors": 1})])
def test_a_rig_that_dies_in_a_live_test_is_not_used_again(pytester: pytest.Pytester, paper_rig: type[PaperRig],
                                                          kernel_died: bool, outcomes: dict[str, int]) -> None:
    def die(text: str) -> str:
        raise RigDied("the guest is gone", kernel_died, "last words")

    paper_rig.answer = staticmethod(die)
    pytester.makepyfile("def test_live(lab): lab.ioas('one')\ndef test_next(lab): pass")
    run = pytester.runpytest(*ONE_RIG)
    run.assert_outcomes(**outcomes)
    run.stdout.fnmatch_lines_random(["*last words*", "rig edu-pair-vtd is out of use: it died in *::test_live*"])


def test_a_requirement_unmet_in_a_live_test_is_a_skip(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.answer = staticmethod(lambda text: 'unmet "a is driven by edu, not igb"')
    live_test(pytester, "lab.require('engine', 'a', 'igb')")
    run = pytester.runpytest(*ONE_RIG, "-rs")
    run.assert_outcomes(skipped=1)
    run.stdout.fnmatch_lines(["SKIPPED*a is driven by edu, not igb"])


def test_the_group_fixture_names_a_group(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.groups = [["c"], ["a", "b"]]
    pytester.makepyfile("def test_group(group): assert group == ['a', 'b']")
    pytester.runpytest(*ONE_RIG).assert_outcomes(passed=1)


def test_a_rig_without_a_group_is_a_skip_that_names_it(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.groups = [["a"], ["b"]]
    pytester.makepyfile("def test_group(group): assert group")
    run = pytester.runpytest(*ONE_RIG, "-rs")
    run.assert_outcomes(skipped=1)
    run.stdout.fnmatch_lines(["SKIPPED*rig edu-pair-vtd has no group of two devices"])


# ---- reports ------------------------------------------------------------------------------------------------------


def test_junit_has_the_facts_of_each_test(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.run_ = staticmethod(lambda _: result_of(STALE))
    scenario(pytester)
    pytester.runpytest(*ONE_RIG, "--junit-xml=out.xml", "-o", "junit_logging=all")
    case = xml.parse(pytester.path / "out.xml").find(".//testcase")
    assert case is not None
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties == {"rig": "edu-pair-vtd", "kernel": "7.3.4", "group": "2: a b", "verdict": "violation"}
    assert "replace a two => ok" in (case.findtext("system-out") or "")
    assert "Linux version 7.3.4" in (case.findtext("system-err") or "")


def test_traces_are_kept_where_asked(pytester: pytest.Pytester, paper_rig: type[PaperRig]) -> None:
    paper_rig.run_ = staticmethod(lambda _: result_of(PASSING))
    scenario(pytester)
    pytester.runpytest(*ONE_RIG, "--landfall-output=kept").assert_outcomes(passed=1)
    names = sorted(p.name for p in (pytester.path / "kept").iterdir())
    assert names == ["one.scn-edu-pair-vtd.console", "one.scn-edu-pair-vtd.trace"]
    assert (pytester.path / "kept" / "one.scn-edu-pair-vtd.trace").read_text().endswith(PASSING)
