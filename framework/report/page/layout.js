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
    this.grave = members.filter((i) => gravity(table.line[i]) > 0);
  }
  place(begins, ends) {
    this.begins = begins;
    this.ends = ends;
    this.latest = new Float64Array(this.members.length);  // the end of the longest bar so far
    let latest = -Infinity;
    for (let k = 0; k < this.members.length; ++k) {
      latest = Math.max(latest, ends[this.members[k]]);
      this.latest[k] = latest;
    }
  }
  // The members that may be seen between two places.
  visible(from, to) {
    const n = this.members.length;
    return [first_row(n, (k) => this.latest[k] >= from), first_row(n, (k) => this.begins[this.members[k]] > to)];
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

