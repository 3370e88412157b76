"""The simulated rig, the generator and the shrinker, from Python."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

import landfall
from landfall import Choices, GenerateOptions, History, Rig, Scenario, Verdict

STALE = """\
buffer p1 4K
ioas one
map one 0x200000 p1 rw
attach a one
dma a write 0x200000+64
sleep 1us
unmap one 0x200000+4K
dma a write 0x200000+64
"""


RACE = """\
buffer p1 4K
ioas one
map one 0x200000 p1 rw
attach a one
lane 1: unmap one 0x200000+4K
lane 2: dma a write 0x200000+64
dma a write 0x200000+64
"""


class Listed(Choices):
    """These decisions, then 0."""

    def __init__(self, numbers: Iterable[int]) -> None:
        super().__init__()
        self._numbers = iter(numbers)

    def below(self, n: int) -> int:
        return next(self._numbers, 0) % n


def passes(history: History) -> bool:
    return landfall.check(history.trace).kind == Verdict.Kind.pass_


# ---- the rig ------------------------------------------------------------------------------------------------------


def test_a_seed_is_a_history() -> None:
    scenario = Scenario.parse("ioas one\nattach a one\nlane 1: attach b one\nlane 2: detach a\nlane 1: detach b\n")

    def trace(seed: int) -> str:
        with Rig.start("sim", seed=seed) as rig:
            return rig.run(scenario).trace.print()

    assert trace(1) == trace(1)
    assert len({trace(seed) for seed in range(20)}) > 1


def test_a_fault_is_found_and_the_error_explains_it() -> None:
    with Rig.start("sim", faults=["unmap-without-flush"]) as rig, pytest.raises(landfall.ViolationError, match="landing"):
        landfall.raise_for_verdict(rig.run(Scenario.parse(STALE)))
    with Rig.start("sim") as rig:
        assert landfall.raise_for_verdict(rig.run(Scenario.parse(STALE))).verdict.dmas == 2


def test_faults_have_names() -> None:
    names = [fault.name for fault in landfall.fault_table()]
    assert len(names) >= 25 and "unmap-without-flush" in names
    assert landfall.fault_named("unmap-without-flush").rules.startswith("landing")
    with pytest.raises(landfall.TextError, match="unmap-without-flush"):
        Rig.start("sim", faults=["unmap-without-flash"])


def test_a_real_rig_cannot_be_told_to_go_wrong() -> None:
    with pytest.raises(landfall.TextError, match="found 'edu-pair-vtd', expected a rig of kind sim"):
        Rig.start("edu-pair-vtd", faults=["unmap-without-flush"])


# ---- generate -----------------------------------------------------------------------------------------------------


def test_whoever_chooses_decides() -> None:
    smallest, other = landfall.generate(Listed([])), landfall.generate(Listed([3, 1, 4, 1, 5]))
    assert Scenario.parse(smallest.print()).print() == smallest.print() != other.print()
    random = landfall.generate(landfall.Random(1))
    assert random.print() == landfall.generate(landfall.Random(1)).print() != landfall.generate(landfall.Random(2)).print()


def test_whoever_chooses_may_choose_how_long_something_gets() -> None:
    class Patient(Listed):
        def extend(self, least: int, most: int, part: Callable[[], int]) -> None:
            while part() < most:
                pass

    class Hasty(Listed):
        def extend(self, least: int, most: int, part: Callable[[], int]) -> None:
            pass

    assert len(landfall.generate(Patient([])).lines) > 40
    assert landfall.generate(Hasty([])).print() == landfall.generate(Listed([])).print()


def test_a_choice_that_is_none_is_refused() -> None:
    class TooMuch(Choices):
        def below(self, n: int) -> int:
            return n

    with pytest.raises(ValueError, match="not a number below"):
        landfall.generate(TooMuch())
    with pytest.raises(RuntimeError, match="below"):
        landfall.generate(Choices())


def test_what_the_chooser_raises_arrives() -> None:
    class Clueless(Choices):
        def below(self, n: int) -> int:
            raise KeyError("no idea")

    with pytest.raises(KeyError, match="no idea"):
        landfall.generate(Clueless())


def test_options_say_what_a_scenario_is_made_of() -> None:
    options = GenerateOptions(groups=[["x"], ["y", "z"]], features=[], most_steps=60, lanes=False, background=False)
    text = "".join(landfall.fuzz_scenario(seed, options).print() for seed in range(100))
    for word in ("lane ", "start ", "pump ", "memfd", "huge ", "reset "):
        assert word not in text
    assert "require same-group y z" in text
    assert "lane 2: " in "".join(landfall.fuzz_scenario(seed).print() for seed in range(100))


# ---- play, shrink, explore ----------------------------------------------------------------------------------------


def test_a_player_judges_history_after_history() -> None:
    player = landfall.make_player("sim")
    assert {"map-file", "reset"} <= set(player.features())
    verdicts = [player.play(landfall.fuzz_scenario(seed), seed) for seed in range(200)]
    assert all(v.kind == Verdict.Kind.pass_ for v in verdicts)
    assert sum(v.dmas for v in verdicts) > 1000
    lines: list[landfall.Line] = []
    player.play(Scenario.parse(STALE), 1, lines.append)
    assert [str(line.step) for line in lines if line.step] == STALE.splitlines()


def test_what_fails_is_made_small() -> None:
    player = landfall.make_player("sim", faults=["unmap-without-flush"])
    seed = next(seed for seed in range(1, 1000)
                if landfall.first_violation(player.play(landfall.fuzz_scenario(seed), seed), "landing"))
    small = landfall.shrink_on(player, landfall.fuzz_scenario(seed), "landing", seed)
    assert small.violation.rule == "landing" and len(small.scenario.lines) <= 10
    again = player.play(small.scenario, small.seed)
    assert landfall.first_violation(again, "landing") and not landfall.first_violation(again, "kernel")
    assert small.before is None and small.tried > 0


def test_what_does_not_fail_cannot_be_made_small() -> None:
    with pytest.raises(landfall.LabError, match="does not violate any rule on sim"):
        landfall.shrink_on(landfall.make_player("sim"), Scenario.parse(STALE))


def test_every_interleaving_is_seen_and_one_of_them_again() -> None:
    scenario = Scenario.parse(RACE)
    explored = landfall.explore(scenario, passes, exhaustive=True)
    assert explored.complete and explored.schedules == explored.distinct > 1
    seen: list[History] = []

    def keep(history: History) -> bool:
        seen.append(history)
        return passes(history)

    explored = landfall.explore(scenario, keep, faults=["unmap-flush-too-early"], exhaustive=True)
    assert not explored.complete and explored.schedules == len(seen) > 1, "some orders hide it"
    assert [passes(history) for history in seen] == [True] * (len(seen) - 1) + [False]
    again = landfall.replay(scenario, seen[-1].schedule, faults=["unmap-flush-too-early"])
    assert again.trace.print() == seen[-1].trace.print()


def test_random_interleavings_have_seeds() -> None:
    seeds: list[int] = []

    def see(history: History) -> bool:
        seeds.append(history.seed)
        return len(seeds) < 5

    assert landfall.explore(Scenario.parse(STALE), see, seed=7).schedules == 5
    assert seeds == [7, 8, 9, 10, 11]


def test_only_a_simulated_rig_can_be_explored() -> None:
    with pytest.raises(landfall.LabError, match="edu-pair-vtd is no simulated rig"):
        landfall.explore(Scenario.parse(STALE), passes, rig="edu-pair-vtd")


def stale_player() -> landfall.Player:
    return landfall.make_player("sim", faults=["unmap-without-flush"])


@pytest.mark.parametrize("call", [
    lambda: landfall.fuzz_scenario(1),
    lambda: stale_player().play(Scenario.parse(STALE)),
    lambda: landfall.shrink_on(stale_player(), Scenario.parse(STALE)),
    lambda: landfall.replay(Scenario.parse(STALE), ""),
    lambda: Rig.start("sim").run(Scenario.parse(STALE)),
], ids=["fuzz_scenario", "play", "shrink_on", "replay", "run"])
def test_other_threads_run_meanwhile(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread is made to give way, so another runs only where the call lets it."""
    interval = sys.getswitchinterval()
    came = [0]

    def one_call_in_many_lets_others_run() -> bool:
        for _ in range(10_000):
            before = came[0]
            call()
            if came[0] != before:
                return True
        return False

    with ThreadPoolExecutor() as pool:
        sys.setswitchinterval(1000)
        try:
            calling = pool.submit(one_call_in_many_lets_others_run)
            while not calling.done():
                came[0] += 1
                time.sleep(0)
        finally:
            sys.setswitchinterval(interval)
        assert calling.result()
