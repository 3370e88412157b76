// ---- the timeline -------------------------------------------------------------------------------------------

const kOverview = 30, kRuler = 24, kTitle = 20, kStepRow = 18, kDmaRow = 20, kBand = 20, kStrip = 16, kGap = 10;
const kStepRows = 6, kDmaRows = 4;

// Devices in the order of their groups, with their DMAs.
const device_tracks = (() => {
  const facts = new Map(data.facts.devices.map((d) => [d.name, d]));
  const members = data.devices.map(() => []);
  for (let i = 0; i < dmas.rows; ++i) members[dmas.device[i]].push(i);
  const tracks = data.devices.map((name, number) => ({
    name, number, fact: facts.get(name), unit: views.units[number],
    rows: stack(dmas, members[number], kDmaRows, false), spells: [], gates: [], stale: [], declared: [],
  }));
  return tracks.sort((a, b) => (a.unit ?? 1e9) - (b.unit ?? 1e9) || a.name.localeCompare(b.name));
})();
const step_rows = stack(steps, everything(steps), Math.max(kStepRows, crowd(steps)), true);
const event_rows = stack(events, everything(events), 1, false);
const all_rows = [...step_rows, ...event_rows, ...device_tracks.flatMap((d) => d.rows)];

const timeline = {
  brush: new Brush(by_id("timeline")),
  from: 0, to: 1, cursor: 0, selected: 0,  // places on the axis; nanoseconds; a line

  relayout() {
    for (const row of all_rows) row.place();
    this.overview = null;
    let y = kOverview + kRuler;
    const track = (title, height) => {
      const at = { title, y, body: y + kTitle };
      y += kTitle + height + kGap;
      return at;
    };
    this.steps_at = track("control steps", Math.max(1, step_rows.length) * kStepRow);
    this.events_at = events.rows > 0 ? track("events: faults ▼  kernel ■  stray bytes ◆  lab ●", kStepRow) : null;
    for (const d of device_tracks) {
      d.strip = d.stale.length > 0 ? kStrip : 0;
      d.at = track(device_title(d), kBand + d.strip + Math.max(1, d.rows.length) * kDmaRow + 4);
    }
    this.height = y;
  },

  x(at) { return (at - this.from) / (this.to - this.from) * this.brush.width; },
  at(x) { return this.from + x / this.brush.width * (this.to - this.from); },
  x_of(time) { return this.x(axis.at(time)); },

  show(from, to) {
    const [first, last, room] = axis.ends(), most = last - first + 2 * room;
    const width = Math.min(Math.max(to - from, axis.narrowest()), most);
    const margin = room * width / most;  // as narrow, measured on the page, however near one looks
    const begin = Math.min(Math.max((from + to - width) / 2, first - margin), last + margin - width);
    [this.from, this.to] = [begin, begin + width];
    this.paint_soon();
  },
  zoom(factor, around) {
    this.show(around - (around - this.from) * factor, around + (this.to - around) * factor);
  },

  paint_soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  },

  paint() {
    const { brush } = this;
    const width = brush.canvas.parentElement.clientWidth;
    brush.canvas.style.height = `${this.height}px`;
    brush.resize(width, this.height);
    brush.box(0, 0, width, this.height, theme.page);
    this.hits = [];
    this.paint_ruler();
    this.paint_steps();
    if (this.events_at) this.paint_events();
    for (const d of device_tracks) this.paint_device(d);
    this.paint_cursor();
    paint_overview(this);
    // For those who read the page with a program.
    Object.assign(brush.canvas.dataset, {
      from: axis.time(this.from), to: axis.time(this.to), cursor: this.cursor, selected: this.selected,
      axis: axis.ordered ? "order" : "scale",
    });
    brush.canvas.setAttribute("aria-label",
      `Timeline from ${milliseconds(axis.time(this.from))} to ${milliseconds(axis.time(this.to))}, ` +
      `${count(violations.length, "violation")}, cursor at ${milliseconds(this.cursor)}`);
  },

  paint_ruler() {
    const { brush } = this, y = kOverview;
    brush.box(0, y, brush.width, kRuler, theme.panel);
    const apart = (this.to - this.from) / Math.max(1, brush.width / 118);
    const flag = this.flag();
    let free = 2;
    for (const [at, label] of axis.ticks(this.from, this.to, apart)) {
      const x = Math.round(this.x(at));
      brush.box(x, y + kRuler - 5, 1, 5, theme.dim);
      brush.box(x, y + kRuler, 1, this.height - y - kRuler, theme.track);
      const width = brush.measure(label), left = x - width / 2;
      if (left < free || left + width > brush.width || (left < flag.right && left + width > flag.left)) continue;
      brush.text(label, left, y + 10, width + 1, theme.dim);
      free = left + width + 14;
    }
  },

  title(track) {
    const { brush } = this;
    brush.box(0, track.y - kGap / 2, brush.width, 1, theme.rule);
    const width = Math.min(brush.measure(track.title) + 8, brush.width);
    brush.box(0, track.y + 1, width, kTitle - 3, theme.page);
    brush.text(track.title, 4, track.y + kTitle / 2, brush.width - 8, theme.dim);
  },

  // Bars one by one while that can be seen, else what share of each pixel is of which class.
  paint_row(row, y, height, look) {
    const { brush } = this;
    const [low, high] = row.visible(this.from, this.to);
    if (high - low > brush.width) this.paint_shares(row, low, high, y, height, look);
    this.used = 0;
    if (high - low <= brush.width) for (let k = low; k < high; ++k) this.paint_bar(row, k, y, height, look);
    for (const k of row.grave) {
      if (row.ends[k] < this.from || row.begins[k] > this.to) continue;
      const x = this.x((Math.max(row.begins[k], this.from) + Math.min(row.ends[k], this.to)) / 2);
      const colour = gravity(row.table.line[row.members[k]]) > 1 ? theme.bad : theme.warn;
      if (high - low > brush.width) brush.box(x - 2.5, y, 5, height, colour);
      brush.wedge(x, y - 5, colour);
    }
  },

  paint_bar(row, k, y, height, look) {
    const { brush } = this, i = row.members[k];
    const begin = this.x(row.begins[k]), end = this.x(row.ends[k]);
    const left = Math.max(begin, -2), right = Math.min(Math.max(end, begin + 2), brush.width + 2);
    look.draw(i, left, y, right - left, height);
    this.hits.push({ table: row.table, row: i, left: left - 2, right: right + 2, top: y, bottom: y + height });
    const next = k + 1 < row.length ? this.x(row.begins[k + 1]) : Infinity;
    this.label(look, i, left, right, Math.min(next, brush.width), next >= brush.width, y + height / 2);
  },

  // The longest of a bar's labels that fits in it, or behind it, or, where nothing follows, in front of it.
  label(look, i, left, right, next, last, y) {
    const { brush } = this, labels = look.labels(i), shown = Math.max(left, 0) + 4;
    const inside = right - shown - 4, behind = next - right - 10, before = left - this.used - 14;
    this.used = right;
    for (const label of labels) {
      const width = brush.measure(label);
      if (width <= inside) return void brush.text(label, shown, y, inside + 1, look.on(i));
      if (width <= behind) {
        this.used = right + width;
        return void brush.text(label, right + 4, y, behind, look.ink(i));
      }
      if (last && width <= before) return void brush.text(label, left - 6 - width, y, before + 1, look.ink(i));
    }
    if (!look.cut) return;
    this.used = next;
    if (behind > inside) brush.text(labels[0], right + 4, y, behind, look.ink(i));
    else brush.text(labels[0], shown, y, inside, look.on(i));
  },

  paint_shares(row, low, high, y, height, look) {
    const { brush } = this, width = Math.ceil(brush.width);
    const shares = new Shares(width, kClasses);
    shares.add(row, low, high, this.from, brush.width / (this.to - this.from), look.class_of);
    shares.sum();
    for (let x = 0; x < width; ++x) {
      const here = shares.at(x);
      let total = 0, at = y;
      for (const n of here) total += n;
      for (let c = kClasses - 1; total > 0 && c >= 0; --c) {
        if (here[c] === 0) continue;
        const share = here[c] / total * height;
        brush.box(x, at, 1, Math.max(share, 1), look.class_colour(c));
        at += share;
      }
    }
    this.hits.push({ table: row.table, shares, look, left: 0, right: width, top: y, bottom: y + height });
  },

  paint_steps() {
    this.title(this.steps_at);
    const failed = (i) => step_failed(i);
    const look = {
      draw: (i, x, y, w, h) => {
        const grave = gravity(steps.line[i]);
        const edge = grave > 1 ? theme.bad : grave > 0 ? theme.warn : failed(i) ? theme.warn : theme.dim;
        this.brush.box(x, y + 2, w, h - 4, failed(i) ? theme.page : theme.track, edge);
        if (w <= 3) this.brush.box(x, y + 2, w, h - 4, edge);
        this.outline(steps.line[i], x, y + 1, w, h - 2);
      },
      labels: (i) => {
        const answer = word(steps.outcome[i]);
        const text = `${gravity(steps.line[i]) > 0 ? "✗ " : ""}${word(steps.text[i])}`;
        return [answer === "ok" ? text : `${text} ⇒ ${answer}`];
      },
      on: () => theme.ink, ink: (i) => (gravity(steps.line[i]) > 1 ? theme.bad : theme.ink), cut: true,
      class_of: (i) => (failed(i) ? 1 : 0), class_colour: (c) => (c === 1 ? theme.warn : theme.dim),
      class_name: (c) => (c === 1 ? "refused" : "ok"), noun: "step",
    };
    step_rows.forEach((row, n) => this.paint_row(row, this.steps_at.body + n * kStepRow, kStepRow, look));
  },

  paint_events() {
    this.title(this.events_at);
    const colours = [theme.warn, theme.bad, theme.bad, theme.bad];
    const look = {
      draw: (i, x, y, w, h) => {
        this.brush.text("▼■◆●"[events.kind[i]], x - 3, y + h / 2, 99, colours[events.kind[i]]);
        this.outline(events.line[i], x - 5, y + 1, w + 11, h - 2);
      },
      labels: (i) => [` ${word(events.text[i]).replace(/^! (fault|kernel|stray|lab) /, "")}`],
      on: () => theme.ink, ink: () => theme.ink, cut: true,
      class_of: (i) => (events.kind[i] === 0 ? 1 : 0), class_colour: (c) => (c === 1 ? theme.warn : theme.bad),
      class_name: (c) => (c === 1 ? "faults" : "others"), noun: "event",
    };
    for (const row of event_rows) this.paint_row(row, this.events_at.body, kStepRow, look);
  },

  paint_device(d) {
    this.title(d.at);
    paint_band(this, d, d.at.body);
    if (d.strip) paint_stale(this, d, d.at.body + kBand);
    const look = {
      draw: (i, x, y, w, h) => {
        const number = place_classes[dmas.place[i]], grave = gravity(dmas.line[i]);
        this.brush.box(x, y + 2, w, h - 4, number === 1 ? theme.page : class_colour(number), class_colour(number));
        if (number === 1) this.brush.hatched(x, y + 2, w, h - 4, theme.nowhere);
        if (grave > 0 && w > 4) {
          this.brush.c.strokeStyle = grave > 1 ? theme.bad : theme.warn;
          this.brush.c.lineWidth = 3;
          this.brush.c.strokeRect(x + 0.5, y + 1.5, w - 1, h - 3);
        }
        this.outline(dmas.line[i], x, y + 1, w, h - 2);
      },
      labels: (i) => {
        const wrong = gravity(dmas.line[i]) > 0 ? "✗ " : "", went = short_landing(i);
        const what = `${kVerbs[dmas.verb[i]]} ${iova_text(dmas.page[i], dmas.byte[i])}+${size_text(dmas.length[i])}`;
        return [`${wrong}${what} ${went}`, `${wrong}${went}`, went.slice(2)];
      },
      on: (i) => (place_classes[dmas.place[i]] === 1 ? theme.ink : place_classes[dmas.place[i]] === 0 ? theme.page : theme.on_buffer),
      ink: () => theme.ink, class_of: (i) => place_classes[dmas.place[i]], class_colour,
      class_name: (c) => class_name(c), noun: "DMA",
    };
    d.rows.forEach((row, n) => this.paint_row(row, d.at.body + kBand + d.strip + 4 + n * kDmaRow, kDmaRow, look));
  },

  outline(line, x, y, w, h) {
    if (line !== this.selected) return;
    this.brush.c.strokeStyle = theme.accent;
    this.brush.c.lineWidth = 2;
    this.brush.c.strokeRect(x - 2, y - 1, w + 4, h + 2);
  },

  // Where the cursor's time stands on the ruler.
  flag() {
    const { brush } = this, x = this.x_of(this.cursor);
    const label = milliseconds(this.cursor, axis.time(this.to) - axis.time(this.from) > 1e5 ? 1000 : 1);
    if (x < -1 || x > brush.width + 1) return { left: 0, right: 0 };
    const width = brush.measure(label) + 10, left = Math.min(Math.max(x - width / 2, 0), brush.width - width);
    return { x, label, left, right: left + width };
  },
  paint_cursor() {
    const { brush } = this, flag = this.flag();
    if (!flag.label) return;
    brush.c.globalAlpha = 0.75;
    brush.box(Math.round(flag.x) - 0.5, kOverview, 1, this.height - kOverview, theme.accent);
    brush.c.globalAlpha = 1;
    brush.box(flag.left, kOverview + 2, flag.right - flag.left, 17, theme.accent);
    brush.text(flag.label, flag.left + 5, kOverview + 11, flag.right - flag.left, theme.page);
  },

  // What is drawn under a point of the canvas.
  hit(x, y) {
    for (let n = this.hits.length - 1; n >= 0; --n) {
      const h = this.hits[n];
      if (x >= h.left && x <= h.right && y >= h.top && y <= h.bottom) return h;
    }
    return null;
  },
};

const step_failed = (i) => steps.outcome[i] >= 0 && /^(E[A-Z0-9]+|errno-|broken|unmet)/.test(word(steps.outcome[i]));

const short_landing = (i) => landing_text(i).replace(/^from /, "← ").replace(/^lands /, "→ ").replace(/ lands /, " → ")
  .replace(/^nowhere/, "→ nowhere").replace(/^nothing/, "← nothing");

const class_name = (c) => {
  if (c < 2) return ["several places", "nowhere"][c];
  const names = data.buffers.filter((_, n) => n % kBuffersOnLight.length === c - 2).map(([name]) => name);
  return names.length > 3 ? `${names.slice(0, 3).join(", ")}, …` : names.join(", ");
};

const device_title = (d) => {
  if (!d.fact) return d.name;
  const alias = d.fact.alias ? `, on the bus as ${d.fact.alias}` : "";
  return `${d.name} · ${d.fact.bdf}${alias} · ${d.fact.engine} · group ${d.fact.group}`;
};

