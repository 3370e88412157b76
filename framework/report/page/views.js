// ---- views: what a device may have seen ---------------------------------------------------------------------
// A spell is possible from the beginning of the step that began it (b0) to the end of the one that ended it (e1), and
// certain from that step's end (b1) to the other's beginning (e0). Before and after are both possible during a step.

const kForever = data.known_until ?? (instants.length ? instants[instants.length - 1] + 1 : 1);

const spells_of = (table, key, number) => {
  const out = [];
  for (let i = 0; i < table.rows; ++i) {
    if (table[key][i] !== number) continue;
    const open = (value, end) => (value < 0 ? end : Math.min(value, kForever));
    out.push({
      row: i, line: table.line[i], b0: open(table.b0[i], -1), b1: open(table.b1[i], -1),
      e0: open(table.e0[i], kForever), e1: open(table.e1[i], kForever),
    });
  }
  return out;
};
for (const d of device_tracks) {
  d.spells = d.unit === null || d.unit === undefined ? [] : spells_of(views.domains, "unit", d.unit);
  for (const s of d.spells) Object.assign(s, { space: views.domains.space[s.row], name: word(views.domains.name[s.row]) });
  // Steps side by side: a spell may have begun before the one it follows, so each knows the first begin from there on.
  d.spells.reduceRight((next, s) => (s.next = Math.min(next, s.b0)), Infinity);
  d.gates = spells_of(views.gates, "device", d.number);
  for (const g of d.gates) g.open = views.gates.open[g.row] === 1;
  d.declared = spells_of(views.declared, "device", d.number);
  for (const s of d.declared) s.name = word(views.declared.name[s.row]);
  d.stale = stale_spells(d);
}

// Where the domain the device was last given is certainly not the one it goes through.
function stale_spells(d) {
  const out = [];
  for (let i = 0, k = 0; i < d.declared.length && k < d.spells.length;) {
    const told = d.declared[i], real = d.spells[k];
    const t0 = Math.max(told.b1, real.b1), t1 = Math.min(told.e0, real.e0);
    if (told.name !== "" && told.name !== real.name && t0 < t1) out.push({ t0, t1, told: told.name, real: real.name });
    if (told.e1 < real.e1) ++i;
    else ++k;
  }
  return out;
}

const possible_at = (spells, time) => spells.filter((s) => s.b0 <= time && time <= s.e1);
const domain_text = (s) => {
  if (s.space < 0) return "blocked";
  const ioas = views.spaces[s.space];
  return s.name === ioas || s.name === "" ? ioas : `${s.name} (of ${ioas})`;
};

// ---- as bands on the timeline

function paint_band(time, d, y) {
  const { brush } = time;
  if (d.spells.length === 0) return void brush.text("its domain is not known", 4, y + kBand / 2, brush.width, theme.dim);
  const x = (t) => Math.min(Math.max(t < 0 ? 0 : time.x_of(t), -2), brush.width + 2);
  const from = axis.time(time.from), to = axis.time(time.to);
  const half = (kBand - 4) / 2, drawn = [-9, -9];
  for (let k = first_row(d.spells.length, (n) => d.spells[n].e1 >= from); k < d.spells.length && d.spells[k].next <= to; ++k) {
    const s = d.spells[k], b0 = x(s.b0), e1 = x(s.e1);
    const colour = s.space < 0 ? { fill: theme.track, edge: theme.dim, ink: theme.dim } : theme.space(s.space);
    if (e1 - b0 < 1.5) {  // too narrow to tell: those before and after share the height
      const pixel = Math.floor(b0);
      if (pixel !== drawn[k % 2]) brush.box(pixel, y + 2 + (k % 2) * half, 2, half, colour.edge);
      drawn[k % 2] = pixel;
      continue;
    }
    const b1 = x(s.b1), e0 = x(s.e0);
    const maybe = (from, to, top) => {
      if (to - from < 0.5) return;
      brush.box(from, top, to - from, half, colour.fill);
      brush.hatched(from, top, to - from, half, colour.edge);
    };
    maybe(b0, Math.min(b1, e1), y + 2 + half);
    maybe(Math.max(e0, b0), e1, y + 2);
    if (e0 > b1) {
      brush.box(b1, y + 2, Math.max(e0 - b1, 0.75), kBand - 4, colour.fill, colour.edge);
      const shown = Math.max(b1, 0);
      brush.text(domain_text(s), shown + 5, y + kBand / 2, Math.min(e0, brush.width) - shown - 9, colour.ink);
    }
    const since = s.line > 0 ? ` since line ${s.line}` : " from the start";
    time.hits.push({ left: b0, right: e1, top: y, bottom: y + kBand, band: `${d.name} goes through ${domain_text(s)}${since}`, spell: s });
  }
  for (const g of d.gates) {
    if (g.open) continue;
    const [left, right] = [x(g.b0), x(g.e1)];
    if (right < 0 || left > brush.width) continue;
    brush.hatched(left, y, Math.max(right - left, 2), kBand, theme.ink);
  }
}

function paint_stale(time, d, y) {
  const { brush } = time;
  const from = axis.time(time.from), to = axis.time(time.to);
  for (let k = first_row(d.stale.length, (n) => d.stale[n].t1 >= from); k < d.stale.length && d.stale[k].t0 <= to; ++k) {
    const s = d.stale[k];
    const left = Math.max(time.x_of(s.t0), -2), right = Math.min(time.x_of(s.t1), brush.width + 2);
    brush.box(left, y + 1, Math.max(right - left, 2), 2, theme.warn);
    const shown = Math.max(left, 0);
    brush.text(`declared ${s.told}`, shown + 5, y + 9, Math.min(right, brush.width) - shown - 8, theme.warn);
    const band = `stale: ${d.name} was last given ${s.told}, but goes through ${s.real === "" ? "nothing" : s.real}`;
    time.hits.push({ left, right, top: y, bottom: y + kStrip, band });
  }
}

// ---- as a table at one instant

const kColumns = 24;
const bytes_of = (page, byte) => page * 4096 + byte;  // a double: good enough to tell ranges apart
const staging = data.facts.staging ? data.facts.staging.map((page) => page * 4096) : [0, 0];
const staged = (start) => start >= staging[0] && start < staging[1];

// Every mapping of the run, without the staging window, which looks alike everywhere.
const mappings = everything(views.mappings).reduce((out, i) => {
  const m = views.mappings, start = bytes_of(m.page[i], m.byte[i]);
  if (!staged(start)) out.push({ ...lifetime(m, i), space: m.space[i], start, end: start + m.length[i], row: i });
  return out;
}, []);

function lifetime(table, i) {
  const end = (value) => (value[i] < 0 ? Infinity : value[i]);
  return { b0: table.b0[i], b1: table.b1[i], e0: end(table.e0), e1: end(table.e1) };
}

// The ranges of the table: cut where a mapping begins or ends, and what a DMA addressed outside of all of them.
const ranges = (() => {
  const cuts = [...new Set(mappings.flatMap((m) => [m.start, m.end]))].sort((a, b) => a - b);
  const place = new Map(cuts.map((cut, k) => [cut, k]));
  const used = new Int32Array(cuts.length);  // how many mappings cover what is behind the cut
  for (const m of mappings) {
    ++used[place.get(m.start)];
    --used[place.get(m.end)];
  }
  for (let k = 1; k < used.length; ++k) used[k] += used[k - 1];
  const out = [];
  cuts.forEach((cut, k) => used[k] && k + 1 < cuts.length && out.push({ start: cut, end: cuts[k + 1] }));
  const asked = new Set();
  for (let i = 0; i < dmas.rows && asked.size < 64; ++i) {
    const start = bytes_of(dmas.page[i], dmas.byte[i]), end = start + dmas.length[i];
    const k = first_row(cuts.length, (c) => cuts[c] > start) - 1;
    if ((k >= 0 && used[k]) || asked.has(start) || staged(start)) continue;
    asked.add(start);
    out.push({ start, end });
  }
  return out.sort((a, b) => a.start - b.start);
})();

const range_text = ({ start, end }) =>
  `${iova_text(Math.floor(start / 4096), start % 4096)}+${size_text(end - start)}`;

const memory_text = (m, range) => {
  const i = m.row, number = views.mappings.buffer[i];
  const [name, size] = number < 0 ? ["memory of the lab", 0] : data.buffers[number];
  const offset = views.mappings.offset[i] + range.start - m.start, length = range.end - range.start;
  const access = ["", "r", "w", "rw"][views.mappings.access[i]];
  return { buffer: number, text: `${offset === 0 && length === size ? name : `${name}[0x${offset.toString(16)}+${size_text(length)}]`} ${access}` };
};

const seen_in = (space, live, range, time) => live
  .filter((m) => m.space === space && m.start <= range.start && m.end >= range.end && m.b0 <= time && time <= m.e1)
  .map((m) => ({ ...memory_text(m, range), certain: m.b1 < time && time < m.e0 }));

const changing_at = (time) => device_tracks.some((d) => [d.spells, d.gates].some((spells) => possible_at(spells, time).length > 1)) ||
  mappings.some((m) => (m.b0 <= time && time <= m.b1) || (m.e0 <= time && time <= m.e1));

const kBlocked = { buffer: -1, text: "blocked" };

// All a device may see of a range at an instant; more than one only while a step is under way.
const sight = (d, live, range, time) => {
  const out = new Map();
  const domains = possible_at(d.spells, time);
  const gates = possible_at(d.gates, time);
  if (gates.some((g) => g.open) || gates.length === 0) {
    for (const s of domains) {
      const found = s.space < 0 ? [] : seen_in(s.space, live, range, time);
      for (const f of found) out.set(f.text, f);
      if (!found.some((f) => f.certain)) out.set(kBlocked.text, kBlocked);
    }
  }
  const moving = domains.length > 1, closing = gates.some((g) => !g.open);
  if (moving || closing || out.size === 0) out.set(kBlocked.text, kBlocked);
  return [...out.values()];
};

const space_named = (name) => {
  const s = device_tracks.flatMap((d) => d.spells).find((spell) => spell.name === name);
  return s ? s.space : views.spaces.indexOf(name);
};

const shown_ranges = (live) => {
  if (ranges.length <= kColumns) return ranges;
  const now = ranges.filter((r) => live.some((m) => m.start <= r.start && m.end >= r.end));
  return (now.length > 0 ? now : ranges).slice(0, kColumns);
};

const sees_table = (time) => {
  const live = mappings.filter((m) => m.b0 <= time && time <= m.e1);
  const shown = shown_ranges(live);
  by_id("sees-more").textContent = shown.length < ranges.length
    ? `${count(ranges.length - shown.length, "further range")} of IOVAs not shown.` : "";
  const head = el("tr", null, el("th", { scope: "col" }, "device"), ...shown.map((r) => el("th", { scope: "col" }, range_text(r))));
  const rows = device_tracks.map((d) => el("tr", null, device_cell(d, time), ...shown.map((r) => sight_cell(d, live, r, time))));
  by_id("sees").replaceChildren(el("thead", null, head), el("tbody", null, ...rows));
};

function device_cell(d, time) {
  const through = possible_at(d.spells, time).map(domain_text);
  const stale = stale_at(d, time), told = possible_at(d.declared, time);
  const lost = data.known_until !== null && time > data.known_until;
  const cell = el("th", { scope: "row" }, d.name,
    el("span", { class: "sub" }, lost || through.length === 0 ? "not known" : `through ${through.join(" or ")}`));
  if (stale) cell.append(el("span", { class: "sub stale" }, `stale: declared ${stale.told}`));
  else if (told.length === 1 && told[0].name === "") cell.append(el("span", { class: "sub" }, "not attached itself"));
  return cell;
}

const stale_at = (d, time) => d.stale.find((s) => s.t0 <= time && time <= s.t1);

function sight_cell(d, live, range, time) {
  if (d.spells.length === 0 || (data.known_until !== null && time > data.known_until)) return el("td", { class: "blocked" }, "not known");
  const seen = sight(d, live, range, time);
  const kind = seen.length > 1 ? "either" : seen[0] === kBlocked ? "blocked" : "";
  const cell = el("td", { class: kind });
  seen.forEach((s, n) => {
    const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
    if (s.buffer >= 0) swatch.style.background = class_colour(class_of(s.buffer));
    cell.append(el("div", null, n > 0 ? "or " : "", s.buffer >= 0 ? swatch : "", s.text));
  });
  const stale = stale_at(d, time);
  if (stale) {
    const believed = seen_in(space_named(stale.told), live, range, time).map((s) => s.text);
    const text = believed.length > 0 ? believed.join(" or ") : "blocked";
    if (!seen.some((s) => s.text === text)) cell.append(el("span", { class: "sub stale" }, `declared: ${text}`));
  }
  return cell;
}

