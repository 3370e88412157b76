// ---- which row a bar stands in ------------------------------------------------------------------------------

// Bars that overlap never share a row while there are rows left. `spread`: consecutive bars go round the rows, which
// leaves room for a label behind each.
const stack = (table, members, most, spread) => {
  const ends = [];
  const rows = Array.from({ length: most }, () => []);
  let turn = -1;
  for (const i of members) {
    let row = -1;
    for (let k = 0; k < most; ++k) {
      const candidate = spread ? (turn + 1 + k) % most : k;
      if (ends[candidate] === undefined || ends[candidate] < table.t0[i]) {
        row = candidate;
        break;
      }
    }
    if (row < 0) row = most - 1;
    turn = row;
    ends[row] = Math.max(ends[row] ?? 0, table.t1[i]);
    rows[row].push(i);
  }
  return rows.filter((r) => r.length > 0).map((r) => new Row(table, Int32Array.from(r)));
};

// Bars of one row in order of their beginning, found by where they lie on the axis.
class Row {
  constructor(table, members) {
    this.table = table;
    this.members = members;
    this.grave = [];  // those with a violation, as places in `members`
    members.forEach((i, k) => gravity(table.line[i]) > 0 && this.grave.push(k));
  }
  get length() { return this.members.length; }
  // Where the bars lie on the axis, in the order of `members`.
  place() {
    this.begins = this.on_axis("t0");
    this.ends = this.on_axis("t1");
    this.latest = new Float64Array(this.length);  // the end of the longest bar so far
    let latest = -Infinity;
    for (let k = 0; k < this.length; ++k) this.latest[k] = latest = Math.max(latest, this.ends[k]);
  }
  on_axis(name) {
    const out = new Float64Array(this.length), times = this.table[name];
    for (let k = 0; k < out.length; ++k) out[k] = axis.at(times[this.members[k]]);
    return out;
  }
  // The bars that may be seen between two places.
  visible(from, to) {
    return [first_row(this.length, (k) => this.latest[k] >= from), first_row(this.length, (k) => this.begins[k] > to)];
  }
}

const everything = (table) => Int32Array.from({ length: table.rows }, (_, i) => i);

// How many steps are ever under way at once: lanes run side by side.
const crowd = (table) => {
  const ends = [];
  let most = 0;
  for (let i = 0; i < table.rows; ++i) {
    for (let k = ends.length - 1; k >= 0; --k) if (ends[k] < table.t0[i]) ends.splice(k, 1);
    ends.push(table.t1[i]);
    most = Math.max(most, ends.length);
    if (most >= 17) break;
  }
  return most;
};

// Counts, per pixel of a strip and per class, the bars there.
class Shares {
  constructor(width, classes) {
    this.width = width;
    this.classes = classes;
    this.counts = new Int32Array((width + 1) * classes);
  }
  // Notes only where a bar begins and ends, so that long ones cost no more than short ones.
  add(row, low, high, from, scale, class_of) {
    const { counts, classes, width } = this, { begins, ends, members } = row;
    for (let k = low; k < high; ++k) {
      const first = Math.max(0, Math.floor((begins[k] - from) * scale));
      const last = Math.min(width - 1, Math.floor((ends[k] - from) * scale));
      if (first > last) continue;
      const number = class_of(members[k]);
      ++counts[first * classes + number];
      --counts[(last + 1) * classes + number];
    }
  }
  sum() {
    for (let at = this.classes; at < this.counts.length; ++at) this.counts[at] += this.counts[at - this.classes];
    return this;
  }
  at(x) { return this.counts.subarray(x * this.classes, (x + 1) * this.classes); }
}

