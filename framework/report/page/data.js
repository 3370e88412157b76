// ---- the trace ----------------------------------------------------------------------------------------------

const kRowsOfDoubles = new Set(["t0", "t1", "page", "length", "target_page", "seq", "offset", "b0", "b1", "e0", "e1"]);
const kNowhere = -1, kSeveral = -2;

// Undoes report/columns.hpp: differences, zigzag, seven bits a byte, base64. A number stands for a column of it.
const unpack = (packed, out) => {
  if (typeof packed === "number") return out.fill(packed);
  const bytes = atob(packed);
  let last = 0;
  for (let row = 0, at = 0; row < out.length; ++row) {
    let byte = bytes.charCodeAt(at++), value = byte & 127, scale = 128;
    for (; byte & 128; scale *= 128) {
      byte = bytes.charCodeAt(at++);
      value += (byte & 127) * scale;
    }
    const half = Math.floor(value / 2);
    last += value % 2 ? -half - 1 : half;
    out[row] = last;
  }
  return out;
};

const unpack_table = (packed) => {
  const table = { rows: packed.rows };
  for (const [name, column] of Object.entries(packed)) {
    if (name === "rows") continue;
    table[name] = unpack(column, kRowsOfDoubles.has(name) ? new Float64Array(packed.rows) : new Int32Array(packed.rows));
  }
  return table;
};

const data = JSON.parse(by_id("data").textContent);
by_id("data").remove();
const { steps, events, dmas } = Object.fromEntries(
  ["steps", "events", "dmas"].map((name) => [name, unpack_table(data[name])]));
const views = Object.fromEntries(
  ["domains", "gates", "declared", "mappings"].map((name) => [name, unpack_table(data.views[name])]));
views.spaces = data.views.spaces;
views.units = data.views.units;
for (const name of ["steps", "events", "dmas"]) delete data[name];

const word = (number) => (number < 0 ? "" : data.texts[number]);
const kVerbs = ["write", "read", "copy"];
const kStatus = ["done ", "error ", "timeout ", ""];

const request_text = (row) => {
  const to = kVerbs[dmas.verb[row]] === "copy" ? ` to ${iova_text(dmas.target_page[row], dmas.target_byte[row])}` : "";
  return `${data.devices[dmas.device[row]]} ${kVerbs[dmas.verb[row]]} ` +
    `${iova_text(dmas.page[row], dmas.byte[row])}+${size_text(dmas.length[row])}${to}` +
    (dmas.times[row] > 1 ? ` times ${dmas.times[row]}` : "");
};
const landing_text = (row) => data.places[dmas.place[row]][0];
const buffer_of = (row) => data.places[dmas.place[row]][1];

// One line of the trace, whatever table it is in.
const describe = (table, row) => {
  const item = { table, row, line: table.line[row], t0: table.t0[row], t1: table.t1[row], note: word(table.note[row]) };
  item.expected = word(table.expected[row]);
  if (table === dmas) {
    item.text = `dma ${request_text(row)}`;
    const seq = dmas.seq[row] > 0 ? `seq ${dmas.seq[row] - 1} ` : "";
    item.outcome = `${kStatus[dmas.status[row]]}${seq}${landing_text(row)}`.trim();
  } else {
    item.text = `${table.lane[row] > 0 ? `lane ${table.lane[row]}: ` : ""}${word(table.text[row])}`;
    item.outcome = word(table.outcome[row]);
  }
  return item;
};

// A wait is a step and a DMA, too: the DMA comes first.
const find_line = (line) => {
  for (const table of [dmas, steps, events]) {
    const row = table.line.indexOf(line);
    if (row >= 0) return describe(table, row);
  }
  const fact = data.facts.lines.find(([number]) => number === line);
  return fact ? { line, text: fact[1], outcome: "", expected: "", note: "" } : null;
};

const violations = data.verdict.violations;
const violations_at = new Map();
for (const violation of violations) {
  if (!violations_at.has(violation.line)) violations_at.set(violation.line, []);
  violations_at.get(violation.line).push(violation);
}
// 0 nothing, 1 known, 2 new.
const gravity = (line) => {
  const found = violations_at.get(line);
  return found === undefined ? 0 : found.some((v) => v.known === "") ? 2 : 1;
};

// First row for which the predicate holds; it must hold for all behind.
const first_row = (rows, holds) => {
  let low = 0, high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
};

