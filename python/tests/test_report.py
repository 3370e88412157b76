"""`landfall report` as a reader meets it: the page in a real browser, without a network."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = os.environ.get("LANDFALL_PROGRAM", str(ROOT / "build" / "landfall"))
TRACES = ROOT / "fixtures" / "traces"
REPLACE = TRACES / "fail" / "landing-group-replace.trace"
EVIL = "</script><img src=x onerror=window.hit=1>"
HEAD = """\
rig "edu-pair-vtd"
kernel "7.3.4"
iommu "vtd"
device a 0000:00:08.0 1234:11e8 group 2 engine edu
device b 0000:00:08.1 1234:11e8 group 2 engine edu
staging 0x70000000+1M
"""
HANG = 300  # seconds; only so that a page that never comes up ends the test


def absent(what: str) -> None:
    pytest.fail(f"{what} is missing: apt install chromium chromium-driver python3-selenium")


@pytest.fixture(scope="module")
def driver() -> Iterator[object]:
    if os.environ.get("LANDFALL_REQUIRE_BROWSER") != "1":
        pytest.skip("minutes in a browser, only with LANDFALL_REQUIRE_BROWSER=1")
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        absent("python3-selenium")
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            absent(program)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chromium = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    chromium.set_page_load_timeout(HANG)
    chromium.set_script_timeout(HANG)
    yield chromium
    chromium.quit()


class Page:
    """A report that is open in the browser."""

    def __init__(self, driver, path: pathlib.Path, width: int = 1280, dark: bool = False) -> None:
        self.driver = driver
        for kind in ("browser", "performance"):
            driver.get_log(kind)
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        )
        theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": theme})
        driver.get(path.as_uri())
        self.wait(lambda: self.run("return document.documentElement.dataset.ready === 'true'"))

    def run(self, script: str, *arguments: object):
        return self.driver.execute_script(script, *arguments)

    def wait(self, true) -> None:
        end = time.monotonic() + HANG
        while not true():
            assert time.monotonic() < end, "nothing happens any more"
            time.sleep(0.02)

    def settle(self) -> None:
        """Two frames on: what was asked for has been drawn."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
        )

    def text(self, selector: str) -> str:
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def texts(self, selector: str) -> list[str]:
        return self.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector)

    def state(self) -> dict[str, float]:
        self.settle()
        data = self.run("return {...document.getElementById('timeline').dataset}")
        return {key: float(value) for key, value in data.items() if key != "axis"} | {"ordered": data["axis"] == "order"}

    def click(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).click()", selector)
        self.settle()

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.run("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}))", key)
        self.settle()

    def pointer(self, kind: str, x: float, y: float) -> None:
        self.run(
            "const c = document.getElementById('timeline'), b = c.getBoundingClientRect();"
            "c.setPointerCapture = () => {};"
            "c.dispatchEvent(new PointerEvent(arguments[0], {clientX: b.left + arguments[1], clientY: b.top + arguments[2],"
            " pointerId: 1, bubbles: true}))",
            kind, x, y,
        )

    def scrub(self, x: float) -> None:
        """Takes the cursor along the ruler."""
        self.pointer("pointerdown", x, 42)
        self.pointer("pointerup", x, 42)
        self.settle()

    def colours(self) -> dict[str, int]:
        """How often each colour is on the timeline below its overview."""
        return self.run(
            "const c = document.getElementById('timeline'), d = c.getContext('2d').getImageData(0, 60, c.width, c.height - 60).data;"
            "const out = {};"
            "for (let i = 0; i < d.length; i += 4) { const k = `${d[i]},${d[i + 1]},${d[i + 2]}`; out[k] = (out[k] ?? 0) + 1; }"
            "return out"
        )

    def errors(self) -> list[str]:
        # The one exception is advice about what only this test does: reading the canvas back.
        return [e["message"] for e in self.driver.get_log("browser") if "willReadFrequently" not in e["message"]]

    def requests(self) -> list[str]:
        out = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                out.append(message["params"]["request"]["url"])
        return out


def report(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, "report", *arguments], capture_output=True, text=True, timeout=HANG, **options)


def page_of(trace: pathlib.Path, to: pathlib.Path) -> pathlib.Path:
    done = report(str(trace), "-o", str(to))
    assert done.returncode == 0, done.stderr
    return to


@pytest.fixture
def replaced(driver, tmp_path) -> Page:
    return Page(driver, page_of(REPLACE, tmp_path / "report.html"))


BLUE, RED = "31,111,196", "180,18,31"  # p1 in light colours, and what is wrong


def test_it_says_what_it_wrote(tmp_path):
    done = report(str(REPLACE), "-o", str(tmp_path / "r.html"))
    assert done.stdout == f"{tmp_path}/r.html: 17 events, {(tmp_path / 'r.html').stat().st_size} bytes\n"


def test_errors_by_blame(tmp_path):
    assert report(str(tmp_path / "absent.trace"), "-o", str(tmp_path / "r.html")).returncode == 2
    assert not (tmp_path / "r.html").exists()
    lost = report(str(REPLACE), "-o", str(tmp_path / "no" / "r.html"))
    assert lost.returncode == 3
    assert "cannot write" in lost.stderr


def test_the_verdict_stands_first(replaced):
    assert replaced.text("h1") == "1 violation: landing"
    order = replaced.run("return [...document.querySelectorAll('header, main > section')].map((e) => e.id)")
    assert order == ["verdict", "violations", "time", "map", "around"]
    assert "landed in p1: stale domain" in replaced.text("#verdict .lead")
    assert "Linux 7.3.4" in replaced.text("#verdict")
    card = replaced.text(".card")
    for words in ("domain 'two' from line 22", "done seq 4 lands p1", "drivers/iommu/iommu.c", "replace a two => ok"):
        assert words in card


def test_every_golden_trace_opens_and_lists_all_its_violations(driver, tmp_path):
    for trace in sorted(TRACES.glob("*/*.trace")):
        said = subprocess.run([PROGRAM, "check", str(trace)], capture_output=True, text=True, timeout=HANG).stdout
        expected = [line.strip().removeprefix("known: ") for line in said.splitlines() if line.startswith("  ")]
        page = Page(driver, page_of(trace, tmp_path / "report.html"))
        cards = page.texts(".card > summary")
        assert len(cards) == len(expected), trace
        for card, line in zip(cards, expected, strict=True):
            rule, summary = line.split(": ", 1)
            assert rule in card and summary in card, trace
        assert ("violation" in page.text("h1")) == bool(expected), trace
        assert page.errors() == [], trace
        assert len(page.colours()) > 3, trace


def test_the_timeline_is_drawn(replaced):
    colours = replaced.colours()
    assert colours.get(BLUE, 0) > 100, "two DMAs in p1"
    assert colours.get(RED, 0) > 20, "one of them a violation"


def test_it_asks_nobody_and_complains_of_nothing(replaced):
    assert replaced.errors() == []
    assert [url for url in replaced.requests() if not url.startswith("file://")] == []


def test_zoom_and_pan(replaced):
    whole, pixels = replaced.state(), replaced.colours()
    replaced.keys("+", "+")
    near = replaced.state()
    assert near["to"] - near["from"] < whole["to"] - whole["from"]
    assert replaced.colours() != pixels
    replaced.keys("ArrowLeft")
    assert replaced.state()["from"] < near["from"]
    replaced.run(
        "document.getElementById('timeline').dispatchEvent(new WheelEvent('wheel', {deltaY: -300, clientX: 640, cancelable: true}))"
    )
    assert replaced.state()["to"] - replaced.state()["from"] < near["to"] - near["from"]
    before = replaced.state()
    for kind, x in (("pointerdown", 600), ("pointermove", 500), ("pointermove", 400), ("pointerup", 400)):
        replaced.pointer(kind, x, 200)
    assert replaced.state()["from"] > before["from"], "dragged to the left, so later times come in"
    replaced.keys("Home")
    assert replaced.state()["from"] == whole["from"]
    assert replaced.colours() == pixels


def test_in_order_or_to_scale(replaced):
    assert replaced.state()["ordered"], "few events"
    drawn = replaced.colours()
    replaced.click("#axis")
    assert not replaced.state()["ordered"]
    assert replaced.colours() != drawn


def seen(page: Page) -> dict[str, list[str]]:
    """The table: per device, what stands under each range."""
    rows = page.run(
        "return [...document.querySelectorAll('#sees tbody tr')].map((r) => [...r.children].map((c) => c.innerText.trim()))"
    )
    return {row[0].split("\n")[0]: row for row in rows}


def scrub_to(page: Page, time_ns: float) -> None:
    """Scrubs until the cursor stands about there; the axis is straight when drawn to scale."""
    if page.state()["ordered"]:
        page.click("#axis")
    page.keys("Home")
    state = page.state()
    width = page.run("return document.getElementById('timeline').clientWidth")
    page.scrub((time_ns - state["from"]) / (state["to"] - state["from"]) * width)


def test_who_sees_what_follows_the_cursor(replaced):
    assert replaced.texts("#sees thead th") == ["device", "0x200000+4K", "0x300000+4K"]
    scrub_to(replaced, 50e6)
    assert seen(replaced)["b"][1] == "p1 rw"
    assert "between control steps" in replaced.text("#instant")
    scrub_to(replaced, 107e6)
    either = seen(replaced)["b"][1]
    assert "p1 rw" in either and "or p2 rw" in either and "or blocked" in either
    assert "during replace a two" in replaced.text("#instant")
    scrub_to(replaced, 150e6)
    assert "exactly one view is possible; 1 DMA in flight" in replaced.text("#instant")
    scrub_to(replaced, 260e6)
    table = seen(replaced)
    assert "declared: p1 rw" in table["b"][1]
    assert "stale: declared one" in table["b"][0]
    assert "declared: p3 rw" in table["b"][2], "user space believes it mapped this for b"
    assert "stale" not in table["a"][0]


def test_a_witness_takes_the_timeline_there(replaced):
    replaced.keys("Home")
    whole = replaced.state()
    replaced.click('.card button[data-line="22"]')
    state = replaced.state()
    assert state["selected"] == 22
    assert state["from"] < 104924000 < 109724000 < state["to"]
    assert state["to"] - state["from"] < whole["to"] - whole["from"]
    replaced.keys("n")
    assert replaced.state()["selected"] == 24
    assert 109732200 <= replaced.state()["cursor"] <= 210132200


def test_a_tip_tells_what_is_under_the_pointer(replaced):
    replaced.click('.card button[data-line="24"]')
    width, height = replaced.run("const c = document.getElementById('timeline'); return [c.clientWidth, c.clientHeight]")
    replaced.pointer("pointermove", width / 2, height - 16)
    tip = replaced.text("#tip")
    for words in ("dma b write 0x200000+4K", "done seq 4 lands p1", "line 24", "landing: b's write", "... yet b's DMA"):
        assert words in tip


def test_steps_that_overlap_stand_in_rows_of_their_own(driver, tmp_path):
    trace = tmp_path / "lanes.trace"
    lanes = "".join(f"@{100 + n} @{1000 - n} lane {n}: buffer p{n} 4K => ok\n" for n in range(8, 0, -1))
    trace.write_text(HEAD + "@10 @20 ioas one => ok\n" + lanes + "end 9\n")
    page = Page(driver, page_of(trace, tmp_path / "report.html"))
    tips = set()
    width = page.run("return document.getElementById('timeline').clientWidth")
    for y in range(60, 60 + 12 * 18, 6):
        page.pointer("pointermove", width * 0.556, y)  # between the last beginning and the first end
        tips.add(page.run("const t = document.getElementById('tip'); return t.hidden ? '' : t.querySelector('.mono')?.textContent"))
    assert {f"lane {n}: buffer p{n} 4K" for n in range(1, 9)} - tips == set()
    assert page.errors() == []


def test_hostile_text_stays_text(driver, tmp_path):
    trace = tmp_path / "x<b>.trace"
    trace.write_text(
        HEAD.replace("edu-pair-vtd", EVIL) + f"# {EVIL}\n@10 @20 ioas one => ok\n@30 ! kernel \"WARNING: {EVIL}\"\nend 1\n"
    )
    page = Page(driver, page_of(trace, tmp_path / "report.html"))
    assert page.run("return window.hit") is None
    assert page.run("return document.querySelectorAll('img, b:not(.card b), script:not([type])').length") == 1, "our own script"
    assert page.text("#verdict").count(EVIL) >= 2
    assert EVIL in page.text(".card")
    assert page.errors() == []
    assert [url for url in page.requests() if not url.startswith("file://")] == []


def test_a_cut_trace_still_gets_a_page(driver, tmp_path):
    text = REPLACE.read_text()
    done = report("-", "-o", str(tmp_path / "report.html"), input=text[: text.index("@210200600") + 8])
    assert done.returncode == 0
    page = Page(driver, tmp_path / "report.html")
    assert "The trace was cut" in page.text("#verdict")
    assert page.text("h1") == "1 violation: landing"
    empty = tmp_path / "empty.trace"
    empty.write_text("")
    page = Page(driver, page_of(empty, tmp_path / "report.html"))
    assert "Inconclusive" in page.text("h1")
    assert page.errors() == []


@pytest.mark.parametrize("width", [360, 2560])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits(driver, tmp_path, width, dark):
    page = Page(driver, page_of(REPLACE, tmp_path / "report.html"), width, dark)
    assert page.run("return document.documentElement.scrollWidth") <= width
    ground = max(page.colours().items(), key=lambda item: item[1])[0]
    assert (sum(map(int, ground.split(","))) < 200) == dark


def million(path: pathlib.Path, wrong: int) -> None:
    """Two pumps across replaces; of 10^6 DMAs one lands in the page its group has left."""
    steps = 0
    t = 1_000_000
    with path.open("w") as out:
        out.write(HEAD)

        def step(text: str, outcome: str = "ok", took: int = 40_000) -> None:
            nonlocal steps, t
            out.write(f"@{t} @{t + took} {text} => {outcome}\n")
            t += took + 8000
            steps += 1

        for text in ("buffer p1 64K", "buffer p2 64K", "ioas one", "ioas two", "map one 0x200000 p1 rw", "map two 0x200000 p2 rw",
                     "attach a one", "attach b one", "pump b write 0x200000+4K", "pump a write 0x204000+4K"):
            step(text)
        for i in range(1_000_000):
            if i % 50_000 == 49_999:
                step(f"replace a {'two' if i // 50_000 % 2 == 0 else 'one'}")
                t += 20_000
            there = ((i + 1) // 50_000 % 2 == 1) != (i == wrong)
            device, iova, offset = ("b", "0x200000", "0x0") if i % 2 else ("a", "0x204000", "0x4000")
            out.write(f"@{t} @{t + 1000} ! dma {device} write {iova}+4K => done seq {i + 1} lands {'p2' if there else 'p1'}[{offset}+4K]\n")
            t += 700
        step("halt a")
        step("halt b")
        out.write(f"end {steps}\n")


def test_a_million_events_open_and_zoom(driver, tmp_path):
    million(tmp_path / "big.trace", 777_776)
    page = Page(driver, page_of(tmp_path / "big.trace", tmp_path / "big.html"))
    assert page.text("h1") == "1 violation: landing"
    assert "1,000,000 DMAs" in page.text("#verdict")
    whole = page.state()
    drawn = page.colours()
    assert drawn.get(BLUE, 0) > 1000 and drawn.get(RED, 0) > 10, "one wrong among a million is seen from afar"
    page.keys("n")
    near = page.state()
    assert near["to"] - near["from"] < (whole["to"] - whole["from"]) / 10_000
    assert page.colours() != drawn
    page.keys("-", "-", "-", "-", "ArrowRight")
    far = page.state()
    assert near["to"] - near["from"] < far["to"] - far["from"]
    page.keys("s")
    assert page.state()["ordered"]
    page.keys("s", "Home")
    assert page.state()["from"] == whole["from"]
    assert page.errors() == []
