"""The program as a person meets it: wrong input, a broken host, nothing left behind."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = os.environ.get("LANDFALL_PROGRAM", str(ROOT / "build" / "landfall"))
SCENARIO = str(ROOT / "fixtures" / "scenarios" / "group-replace.scn")


def run(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    options.setdefault("timeout", 120)
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, errors="replace", **options)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def write(path: pathlib.Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("ioas one\natach a one\n", ":2:1:", "found 'atach', expected a step"),
        ("ioas one\nmap one 0x2000", ":2:15:", "the file ends inside a line"),
        ("ioas one\nmap one 0x200000 p1 rw\n", ":2:", "found 'p1'"),
        ("# caf\xe9\n".encode("latin-1"), ":1:6:", "UTF-8"),
        ("ioas one\ndma a write 0x0+3\n", ":2:13:", "8-byte words"),
        ("ioas one\nioas one\n", ":2:6:", "not in use yet"),
    ],
    ids=["unknown-step", "truncated", "undeclared", "not-utf8", "odd-length", "twice"],
)
def test_wrong_scenario_is_named_before_anything_runs(tmp_path, text, where, said):
    path = write(tmp_path / "wrong.scn", text)
    done = run("run", path, "--rig", "edu-pair-vtd")
    assert done.returncode == 2
    assert f"{path}{where}" in done.stderr
    assert said in done.stderr
    assert "booting" not in done.stderr


def test_directory_is_no_scenario(tmp_path):
    done = run("run", str(tmp_path), "--rig", "edu-pair-vtd")
    assert done.returncode == 2
    assert "a directory" in done.stderr


def test_line_of_a_gigabyte_is_refused_in_little_memory():
    # So little address space does not hold the line.
    limited = f"ulimit -v 1000000; head -c 1G /dev/zero | tr '\\0' a | {PROGRAM} run - --rig sim"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "a line of at most 64K bytes" in done.stderr


def test_unknown_rig_names_those_there_are():
    done = run("run", SCENARIO, "--rig", "edu-pear-vtd")
    assert done.returncode == 2
    assert "edu-pear-vtd" in done.stderr
    assert "edu-pair-vtd" in done.stderr


def test_rig_file_with_a_wrong_type(tmp_path):
    text = (ROOT / "fixtures" / "rigs" / "edu-pair-vtd.yaml").read_text() + "memory: plenty\n"
    path = write(tmp_path / "wrong.yaml", text)
    done = run("run", SCENARIO, "--rig", path)
    assert done.returncode == 2
    assert f"{path}:{text.count(chr(10))}:" in done.stderr
    assert "plenty" in done.stderr


# The kernel is looked at before QEMU is started, so anything that is a program will do for it.
ANY_QEMU = {**os.environ, "LANDFALL_QEMU": "/bin/true"}


def test_missing_kernel():
    done = run("run", SCENARIO, "--rig", "edu-pair-vtd", "--kernel", "/nonexistent/bzImage", env=ANY_QEMU)
    assert done.returncode in (2, 3)
    assert "/nonexistent/bzImage" in done.stderr


def test_kernel_that_is_none(tmp_path):
    path = write(tmp_path / "bzImage", "not a kernel\n")
    done = run("run", SCENARIO, "--rig", "edu-pair-vtd", "--kernel", path, env=ANY_QEMU)
    assert done.returncode in (2, 3)
    assert path in done.stderr


def test_host_without_qemu(tmp_path):
    kernel = write(tmp_path / "vmlinux", b"\x7fELF")
    done = run("run", SCENARIO, "--rig", "edu-pair-vtd", "--kernel", kernel, env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode in (2, 3)
    assert done.stderr.startswith("landfall: ")
    doctor = run("doctor", env={**os.environ, "PATH": str(tmp_path)})
    assert doctor.returncode == 3
    assert "qemu-system-x86" in doctor.stdout + doctor.stderr


def test_a_tree_that_was_moved_finds_its_own_files(tmp_path):
    rigs = tmp_path / "fixtures" / "rigs"
    shutil.copytree(ROOT / "fixtures" / "rigs", rigs)
    shutil.copy(rigs / "sim.yaml", rigs / "only-here.yaml")
    (tmp_path / "build").mkdir()
    moved = shutil.copy(PROGRAM, tmp_path / "build")
    environment = {name: value for name, value in os.environ.items() if name != "LANDFALL_FIXTURES"}
    done = subprocess.run([moved, "rig", "list"], capture_output=True, text=True, env=environment, timeout=120)
    assert "only-here" in done.stdout, done.stderr


def test_another_architecture_is_not_needed_and_says_what_brings_it():
    assert "edu-pair-smmuv3" in run("rig", "list").stdout
    assert "6.12-aarch64" in run("kernel", "list").stdout
    done = run("run", SCENARIO, "--rig", "edu-pair-smmuv3")
    assert done.returncode == 3
    assert "aarch64" in done.stderr
    assert "lab/aarch64" in done.stderr


def test_usage():
    assert run().returncode == 2
    assert run("run").returncode == 2
    assert run("--help").returncode == 0


def test_trace_that_was_cut_never_passes(tmp_path):
    whole = (ROOT / "fixtures" / "traces" / "pass").glob("*.trace")
    text = sorted(whole)[0].read_text()
    assert run("check", write(tmp_path / "whole.trace", text)).returncode == 0
    assert run("check", write(tmp_path / "cut.trace", text[: len(text) - 4])).returncode == 5


def test_refusals_leave_nothing_behind(tmp_path):
    run("run", SCENARIO, "--rig", "edu-pair-vtd", "--kernel", "/nonexistent", env={**os.environ, "TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []
    assert tempfile.gettempdir()


def test_a_trace_whose_needs_were_not_met_is_a_skip_beside_one_that_passed(tmp_path):
    for name, text in (("unmet", "require feature no-such-thing\n"), ("met", "ioas one\n")):
        run("run", write(tmp_path / f"{name}.scn", text), "-o", str(tmp_path))
    met, unmet = str(tmp_path / "met.trace"), str(tmp_path / "unmet.trace")
    assert [run("check", *t).returncode for t in ((met,), (unmet,), (met, unmet))] == [0, 4, 0]


def test_fuzz_keeps_every_trace_it_judged(tmp_path):
    kept = tmp_path / "kept"
    done = run("fuzz", "--count", "3", "--seed", "7", "--traces", str(kept), "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    traces = sorted(str(p) for p in kept.iterdir())
    assert [pathlib.Path(t).name for t in traces] == [f"sim-{seed}.trace" for seed in (7, 8, 9)]
    again = run("check", *traces)
    assert again.returncode == 0
    assert again.stdout.count("pass") >= len(traces)


def test_matrix_is_one_table_and_says_what_differs(tmp_path):
    same = write(tmp_path / "same.scn", "ioas one\n")
    third = write(tmp_path / "third.scn", "ioas one\nattach z one\n")  # neither has a z
    wrong = write(tmp_path / "wrong.scn", "ioas one\nbuffer p 4K\nmap one 0x200000 p rw => EINVAL\n")
    junit = tmp_path / "junit.xml"
    done = run("matrix", same, third, wrong, "--rigs", "sim,sim-bridge", "--kernels", "6.12", "--junit", str(junit), "-o", str(tmp_path / "out"))
    assert done.returncode == 1, done.stderr
    table = done.stdout[done.stdout.index("scenario  ") :].splitlines()[1:4]
    rows = {line.split()[0]: line.split()[1:] for line in table}
    assert rows["same"] == ["pass", "pass"]
    assert rows["third"] == ["unmet", "unmet"]
    assert rows["wrong"] == ["!", "expectation", "!", "expectation"]
    assert "2 passed, 2 failed, 2 skipped, 0 inconclusive on 2 machines" in done.stdout
    assert junit.read_text().count("<testcase ") == 6
    assert (tmp_path / "out" / "sim-bridge" / "wrong.txt").exists()
    agree = run("matrix", same, third, wrong, "--rigs", "sim,sim-bridge", "--differences")
    assert "no scenario comes out differently" in agree.stdout


def test_matrix_goes_on_without_a_machine_that_does_not_start(tmp_path):
    same = write(tmp_path / "same.scn", "ioas one\n")
    done = run("matrix", same, "--rigs", "sim,edu-pair-vtd", "--kernels", "/nonexistent/bzImage", "-q")
    assert done.returncode == 3
    assert "/nonexistent/bzImage" in done.stdout
    assert "1 passed, 0 failed, 0 skipped, 1 inconclusive on 2 machines" in done.stdout


def test_soak_counts_what_it_judged_and_keeps_what_it_found(tmp_path):
    quiet = run("soak", "--time", "1s", "--round", "1s", "--steps", "200", "-q")
    assert quiet.returncode == 0, quiet.stdout + quiet.stderr
    assert "0 rounds with a violation, 0 inconclusive" in quiet.stdout
    found = run("soak", "--time", "1m", "--steps", "200", "--fault", "unmap-without-flush", "-o", str(tmp_path))
    assert found.returncode == 1
    traces = [p for p in tmp_path.glob("soak-*.trace") if ".witness" not in p.name]
    assert len(traces) == 1
    assert run("check", str(traces[0])).returncode == 1
