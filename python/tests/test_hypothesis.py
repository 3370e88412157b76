"""Hypothesis in front of the simulated rig: nothing where nothing is wrong, something small where something is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("hypothesis", reason="python3-hypothesis is not installed")
from hypothesis import Phase, find, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.stateful import rule, run_state_machine_as_test  # noqa: E402

import landfall  # noqa: E402
from landfall import Rig, Scenario, ViolationError, raise_for_verdict  # noqa: E402
from landfall.stateful import IommuMachine, Memory  # noqa: E402
from landfall.strategies import scenarios  # noqa: E402

STABLE = settings(max_examples=50, report_multiple_bugs=False)
FIND = settings(STABLE, max_examples=1000)
FAULTS = ["unmap-without-flush", "replace-moves-caller-only"]


@pytest.fixture(scope="module")
def sim() -> Iterator[Rig]:
    with Rig.start("sim") as rig:
        yield rig


# ---- scenarios ----------------------------------------------------------------------------------------------------


@given(scenario=scenarios())
@STABLE
def test_a_scenario_drawn_is_a_scenario_and_passes(sim: Rig, scenario: Scenario) -> None:
    assert Scenario.parse(scenario.print()).print() == scenario.print()
    raise_for_verdict(sim.run(scenario))


@given(scenario=scenarios(groups=[["x", "y"]], features=[], lanes=False, background=False, most_steps=10))
@STABLE
def test_options_are_the_generators(scenario: Scenario) -> None:
    assert set(scenario.devices()) <= {"x", "y"}
    assert not any(isinstance(line.step, (landfall.Start, landfall.Pump)) for line in scenario.lines)
    assert "lane" not in scenario.print()


def fails_on(player: landfall.Player) -> Callable[[Scenario], bool]:
    return lambda scenario: landfall.first_violation(player.play(scenario)) is not None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_a_scenario(fault: str) -> None:
    player = landfall.make_player("sim", faults=[fault])
    found = find(scenarios(), fails_on(player), settings=settings(FIND, phases=[Phase.generate]))
    assert len(landfall.shrink_on(player, found).scenario.lines) <= 10


def test_what_a_scenario_finds_gets_small() -> None:
    player = landfall.make_player("sim", faults=["unmap-without-flush"])
    few = scenarios(groups=[["a", "b"]], lanes=False, background=False, most_steps=10)
    small = find(few, fails_on(player), settings=FIND)
    assert len(small.lines) <= 20, small  # the objects every scenario begins with, and a look at the end


def test_a_scenario_shows_its_text() -> None:
    assert repr(Scenario.parse("ioas one\n")) == "<Scenario\nioas one\n>"


# ---- the machine --------------------------------------------------------------------------------------------------


def broken(fault: str) -> type[IommuMachine]:
    return type("Broken", (IommuMachine,), {"faults": [fault]})


def test_the_machine_finds_nothing_where_nothing_is_wrong() -> None:
    run_state_machine_as_test(IommuMachine, settings=STABLE)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_machine_finds_a_fault(fault: str) -> None:
    with pytest.raises(ViolationError) as caught:
        run_state_machine_as_test(broken(fault), settings=settings(FIND, phases=[Phase.generate]))
    found = caught.value.result.trace.scenario()
    small = landfall.shrink_on(landfall.make_player("sim", faults=[fault]), found)
    assert len(small.scenario.lines) <= 10, small.scenario


def test_what_the_machine_finds_gets_small() -> None:
    with pytest.raises(ViolationError) as caught:
        run_state_machine_as_test(broken("unmap-reports-too-much"), settings=settings(FIND, stateful_step_count=12))
    scenario = caught.value.result.trace.scenario()
    assert len(scenario.lines) <= 4 and isinstance(scenario.lines[-1].step, landfall.Unmap), scenario
    said = "\n".join(caught.value.__notes__)
    assert "state.unmap" in said and "as a scenario:\n" + scenario.print() in said


def test_a_machine_drives_a_rig_that_runs_already(sim: Rig) -> None:
    run_state_machine_as_test(lambda: IommuMachine(sim), settings=settings(STABLE, max_examples=5))
    assert sim.run(Scenario.parse("ioas one\n")).verdict.steps == 1


def test_what_a_rule_raises_is_not_hidden_by_a_verdict() -> None:
    class Curious(IommuMachine):
        faults = ["kernel-warns"]

        @rule(hwpt=IommuMachine.hwpts)
        def wonder(self, hwpt: str) -> None:
            self.session.destroy(hwpt)
            raise ArithmeticError(hwpt)

    with pytest.raises(ArithmeticError, match="h"):
        run_state_machine_as_test(Curious, settings=settings(STABLE, phases=[Phase.generate]))


def test_a_subclass_adds_verbs_of_its_own() -> None:
    seen: list[int] = []

    class Huge(IommuMachine):
        @rule(target=IommuMachine.buffers, megabytes=st.sampled_from([2, 4]))
        def huge(self, megabytes: int) -> Memory:
            seen.append(megabytes)
            memory = Memory(f"huge{len(seen)}", megabytes << 20)
            self.session.buffer(*memory, "huge")
            return memory

    run_state_machine_as_test(Huge, settings=settings(STABLE, max_examples=20))
    assert seen
