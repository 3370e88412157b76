// ---- the page -----------------------------------------------------------------------------------------------

const set_cursor = (time) => {
  timeline.cursor = Math.max(0, time);
  timeline.paint_soon();
  if (set_cursor.waiting) return;
  set_cursor.waiting = true;
  requestAnimationFrame(() => {
    set_cursor.waiting = false;
    tell_cursor();
  });
};

// What is under way at the cursor, and what came before and comes next.
const tell_cursor = () => {
  const time = timeline.cursor, kMost = 12;
  const found = [];
  const look = (rows) => {
    for (const row of rows) {
      const { table, members, length: n } = row;
      const next = first_row(n, (k) => table.t0[members[k]] > time);
      for (let k = Math.max(0, next - 3); k < Math.min(n, next + 2); ++k) found.push(describe(table, members[k]));
    }
  };
  [step_rows, event_rows, ...device_tracks.map((d) => d.rows)].forEach(look);
  const away = (item) => (item.t1 < time ? time - item.t1 : item.t0 > time ? item.t0 - time : 0);
  const near = found.sort((a, b) => away(a) - away(b) || a.line - b.line).slice(0, kMost).sort((a, b) => a.t0 - b.t0 || a.line - b.line);
  const style = (item) => (gravity(item.line) > 1 ? "culprit" : item.t0 <= time && time <= item.t1 ? "now" : "context");
  by_id("lines").replaceChildren(line_heads(), ...near.map((item) => line_row(item, style(item))));
  const now = found.filter((item) => item.table !== events && item.t0 <= time && time <= item.t1);
  const texts = now.filter((item) => item.table === steps).map((item) => item.text);
  const flying = now.length - texts.length;
  const when = texts.length > 0 ? `during ${texts.join(" and ")}` : "between control steps";
  by_id("instant").textContent = `At ${milliseconds(time)}: ${when}, ` +
    `${changing_at(time) ? "so before and after are both possible" : "exactly one view is possible"}` +
    `${flying > 0 ? `; ${count(flying, "DMA")} in flight` : ""}.`;
  sees_table(time);
};

const show_around = (t0, t1, least) => {
  const from = axis.at(t0), to = axis.at(t1);
  const room = Math.max((to - from) * 0.35, axis.ordered ? least : (to - from) * 0.35 + 200);
  timeline.show(from - room, to + room);
};
const show_line = (line) => {
  const item = find_line(line);
  if (!item || item.t0 === undefined) return;
  timeline.selected = line;
  show_around(item.t0, item.t1, 6);
  set_cursor((item.t0 + item.t1) / 2);
  by_id("time").scrollIntoView({ block: "nearest" });
};
// The violation with the steps that made it possible, as long as those can still be told apart.
const show_violation = (violation) => {
  const items = violation.witness.map(find_line).filter((item) => item && item.t0 !== undefined);
  const culprit = items.find((item) => item.line === violation.line);
  if (!culprit) return;
  const near = items.filter((item) => axis.ordered || Math.abs(item.t0 - culprit.t0) < 200 * (culprit.t1 - culprit.t0 + 1));
  timeline.selected = violation.line;
  show_around(Math.min(...near.map((i) => i.t0)), Math.max(...near.map((i) => i.t1)), 2);
  set_cursor(violation.window ? (violation.window[0] + violation.window[1]) / 2 : (culprit.t0 + culprit.t1) / 2);
  by_id("time").scrollIntoView({ block: "nearest" });
};
const step_violation = (direction) => {
  if (violations.length === 0) return;
  const lines = violations.map((v) => v.line);
  const at = lines.indexOf(timeline.selected);
  const next = at < 0 ? (direction > 0 ? 0 : lines.length - 1) : (at + direction + lines.length) % lines.length;
  show_violation(violations[next]);
};

const show_whole = () => timeline.show(...axis.whole());
const switch_axis = () => {
  const [from, to] = [axis.time(timeline.from), axis.time(timeline.to)];
  axis.ordered = !axis.ordered;
  timeline.relayout();
  timeline.show(axis.at(from), axis.at(to));
  name_axis();
};
const name_axis = () => {
  by_id("axis").textContent = axis.ordered ? "time: in order" : "time: to scale";
  by_id("axis").title = axis.ordered ? "every instant is as far from the next as any other; press to draw to scale (s)"
    : "press to draw every instant as far from the next as any other (s)";
  by_id("axis").setAttribute("aria-pressed", `${axis.ordered}`);
};

// ---- hand and eye

const tip_for = (hit, x) => {
  if (hit.band) return [el("span", null, hit.band), hit.spell && hit.spell.b1 > hit.spell.b0 && el("span", { class: "dim" },
    `began in ${milliseconds(hit.spell.b0)} … ${milliseconds(hit.spell.b1)}`)];
  if (hit.shares) {
    const parts = [];
    let total = 0;
    hit.shares.at(Math.floor(x)).forEach((n, c) => {
      total += n;
      if (n > 0) parts.push(el("span", { class: "dim" }, `${hit.look.class_name(c)}: ${n.toLocaleString("en-US")}`));
    });
    return total > 0 ? [el("span", null, `${count(total, hit.look.noun)} here; zoom in to tell them apart`), ...parts] : null;
  }
  const item = describe(hit.table, hit.row);
  return [item.note ? el("span", { class: "dim" }, `# ${item.note}`) : null,
    el("span", { class: "mono" }, item.text), item.expected ? el("span", { class: "mono" }, `expected => ${item.expected}`) : null,
    item.outcome ? el("span", { class: "mono" }, `=> ${item.outcome}`) : null,
    el("span", { class: "dim" }, `line ${item.line} · ${milliseconds(item.t0)}${item.t1 > item.t0 ? `, took ${duration(item.t1 - item.t0)}` : ""}`),
    ...(violations_at.get(item.line) ?? []).map((v) => el("span", { class: "bad" }, `${v.known ? "known: " : ""}${v.rule}: ${v.summary}`))];
};

const show_tip = (x, y) => {
  const tip = by_id("tip"), hit = timeline.hit(x, y);
  const content = hit && tip_for(hit, x);
  tip.hidden = !content;
  if (!content) return;
  tip.replaceChildren(...content.filter((node) => node));
  const stage = by_id("stage"), room = stage.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(4, Math.min(x + 14, room))}px`;
  tip.style.top = `${y + 18 + tip.offsetHeight > stage.clientHeight ? Math.max(2, y - tip.offsetHeight - 12) : y + 18}px`;
};

const place_of = (event) => {
  const box = by_id("timeline").getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

// One finger or the mouse: moves the window of the overview, the cursor on the ruler, or the page of time itself. Two
// fingers: zoom.
const hand = {
  fingers: new Map(),
  drag: null,

  down(event) {
    const [x, y] = place_of(event);
    by_id("timeline").setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, x);
    const what = y < kOverview ? "window" : y < kOverview + kRuler ? "cursor" : "pan";
    this.drag = { x, what, from: timeline.from, to: timeline.to, moved: false };
    if (what !== "pan") this.follow(x);
  },
  move(event) {
    const [x, y] = place_of(event);
    if (!this.drag) return show_tip(x, y);
    by_id("tip").hidden = true;
    if (this.fingers.size === 2) return this.pinch(event.pointerId, x);
    if (Math.abs(x - this.drag.x) > 3) this.drag.moved = true;
    this.follow(x);
  },
  follow(x) {
    const { drag } = this, width = timeline.brush.width;
    if (drag.what === "cursor") return set_cursor(axis.time(timeline.at(x)));
    if (drag.what === "window") {
      const [low, high] = axis.whole(), half = (timeline.to - timeline.from) / 2, at = low + x / width * (high - low);
      return timeline.show(at - half, at + half);
    }
    const shift = (drag.x - x) / width * (drag.to - drag.from);
    if (drag.moved) timeline.show(drag.from + shift, drag.to + shift);
  },
  pinch(finger, x) {
    const apart = ([a, b]) => Math.max(12, Math.abs(a - b));
    const before = apart([...this.fingers.values()]);
    this.fingers.set(finger, x);
    const now = [...this.fingers.values()];
    this.drag.moved = true;
    timeline.zoom(before / apart(now), timeline.at((now[0] + now[1]) / 2));
  },
  up(event) {
    this.fingers.delete(event.pointerId);
    const { drag } = this;
    if (drag && drag.what === "pan" && !drag.moved && event.type === "pointerup") pick(...place_of(event));
    if (this.fingers.size === 0) this.drag = null;
  },
  wheel(event) {
    event.preventDefault();
    const width = timeline.to - timeline.from, sideways = (event.shiftKey ? event.deltaY || event.deltaX : event.deltaX) / 800 * width;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return timeline.show(timeline.from + sideways, timeline.to + sideways);
    timeline.zoom(1.0018 ** Math.max(-400, Math.min(400, event.deltaY)), timeline.at(place_of(event)[0]));
  },
};

const listen = () => {
  const canvas = by_id("timeline");
  for (const [name, act] of Object.entries({
    pointerdown: "down", pointermove: "move", pointerup: "up", pointercancel: "up", wheel: "wheel",
  })) canvas.addEventListener(name, (event) => hand[act](event), { passive: false });
  canvas.addEventListener("pointerleave", () => { by_id("tip").hidden = true; });
  document.addEventListener("keydown", on_key);
};

const pick = (x, y) => {
  const hit = timeline.hit(x, y);
  timeline.selected = hit && hit.table && hit.row !== undefined ? hit.table.line[hit.row] : 0;
  set_cursor(axis.time(timeline.at(x)));
  show_tip(x, y);
};

const on_key = (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (/^(Arrow|Home)/.test(event.key) && event.target.closest?.(".scroll")) return;  // they scroll that
  const width = timeline.to - timeline.from, middle = (timeline.from + timeline.to) / 2;
  const cursor = axis.at(timeline.cursor), inside = cursor > timeline.from && cursor < timeline.to;
  const around = inside ? cursor : middle;
  const step = (direction) => {
    const at = direction > 0 ? first_row(instants.length, (i) => instants[i] > timeline.cursor)
      : first_row(instants.length, (i) => instants[i] >= timeline.cursor) - 1;
    if (instants.length === 0) return;
    set_cursor(instants[Math.min(Math.max(at, 0), instants.length - 1)]);
    const place = axis.at(timeline.cursor);
    if (place < timeline.from || place > timeline.to) timeline.show(place - width / 2, place + width / 2);
  };
  const actions = {
    ArrowLeft: () => timeline.show(timeline.from - width / 8, timeline.to - width / 8),
    ArrowRight: () => timeline.show(timeline.from + width / 8, timeline.to + width / 8),
    "+": () => timeline.zoom(0.5, around), "=": () => timeline.zoom(0.5, around), "-": () => timeline.zoom(2, around),
    Home: show_whole, n: () => step_violation(1), p: () => step_violation(-1), s: switch_axis,
    ",": () => step(-1), ".": () => step(1),
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
};

const legend = () => {
  const samples = [];
  const classes = [...new Set(place_classes)].sort((a, b) => b - a);
  for (const c of classes) samples.push([c === 1 ? "DMA landed nowhere" : c === 0 ? "in several places" : `in ${class_name(c)}`, (b) => {
    b.box(0, 1, 26, 12, c === 1 ? theme.page : class_colour(c), class_colour(c));
    if (c === 1) b.hatched(0, 1, 26, 12, theme.nowhere);
  }]);
  views.spaces.slice(0, 8).forEach((name, n) => samples.push([`view of ${name}`, (b) => b.box(0, 1, 26, 12, theme.space(n).fill, theme.space(n).edge)]));
  samples.push(["before or after, during a step", (b) => {
    b.box(0, 1, 26, 12, theme.track);
    b.hatched(0, 1, 26, 12, theme.dim);
  }]);
  if (device_tracks.some((d) => d.stale.length > 0)) samples.push(["declared view is stale", (b) => b.box(0, 6, 26, 3, theme.warn)]);
  if (violations.length > 0) samples.push([data.verdict.dropped > 0 ? `✗ violation (the first ${violations.length.toLocaleString("en-US")} only)` : "✗ violation", (b) => b.wedge(13, 3, theme.bad)]);
  by_id("legend").replaceChildren(...samples.map(([text, draw]) => {
    const canvas = el("canvas", { "aria-hidden": "true" }), brush = new Brush(canvas);
    brush.resize(26, 14);
    draw(brush);
    return el("li", null, canvas, text);
  }));
};

const keys = () => {
  const out = [];
  for (const [key, what] of [["wheel", "zoom"], ["drag", "pan"], ["click", "cursor"], ["← →", "pan"], ["+ −", "zoom"], [", .", "cursor to the next instant"],
    ["n p", "next, previous violation"], ["s", "in order or to scale"], ["Home", "whole"]]) out.push(el("kbd", null, key), ` ${what}   `);
  by_id("keys").replaceChildren(...out);
};

const redraw = () => {
  theme.read();
  legend();
  timeline.overview = null;
  timeline.paint();
  tell_cursor();
};

const start = () => {
  verdict_head();
  violation_cards();
  name_axis();
  keys();
  theme.read();
  timeline.relayout();
  [timeline.from, timeline.to] = axis.whole();
  const first = violations.find((v) => v.known === "") ?? violations[0];
  const at = first && find_line(first.line);
  timeline.cursor = first?.window ? (first.window[0] + first.window[1]) / 2
    : at?.t0 !== undefined && at !== null ? (at.t0 + at.t1) / 2 : instants.length ? instants[instants.length - 1] : 0;
  for (const [id, act] of Object.entries({
    axis: switch_axis, whole: show_whole, next: () => step_violation(1), previous: () => step_violation(-1),
    in: () => timeline.zoom(0.5, (timeline.from + timeline.to) / 2), out: () => timeline.zoom(2, (timeline.from + timeline.to) / 2),
  })) by_id(id).addEventListener("click", act);
  by_id("next").disabled = by_id("previous").disabled = violations.length === 0;
  listen();
  redraw();
  new ResizeObserver(() => timeline.paint_soon()).observe(by_id("stage"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  // Paper is white.
  for (const [name, paper] of [["beforeprint", true], ["afterprint", false]]) {
    window.addEventListener(name, () => {
      document.documentElement.classList.toggle("paper", paper);
      redraw();
    });
  }
  document.documentElement.dataset.ready = "true";
};
start();
