// ---- time across the page -----------------------------------------------------------------------------------
// Two ways to lay time out. To scale; or in order, where every instant at which something begins or ends is as far
// from the next as any other, because an ioctl takes a microsecond and a DMA may take 100 ms.

const instants = (() => {
  const all = new Float64Array(2 * (steps.rows + dmas.rows + events.rows));
  let at = 0;
  for (const table of [steps, dmas, events]) {
    all.set(table.t0, at);
    all.set(table.t1, at + table.rows);
    at += 2 * table.rows;
  }
  all.sort();
  let kept = 0;
  for (let i = 0; i < all.length; ++i) if (i === 0 || all[i] !== all[kept - 1]) all[kept++] = all[i];
  return all.subarray(0, kept);
})();

const axis = {
  ordered: steps.rows + dmas.rows + events.rows <= 300,

  // Where an instant lies, in nanoseconds or in places of the order.
  at(time) {
    if (!this.ordered || instants.length === 0) return time;
    const next = first_row(instants.length, (i) => instants[i] > time);
    if (next === 0) return time - instants[0];
    if (next === instants.length) return next - 1 + Math.min(time - instants[next - 1], 1);
    return next - 1 + (time - instants[next - 1]) / (instants[next] - instants[next - 1]);
  },
  time(at) {
    if (!this.ordered || instants.length === 0) return at;
    const index = Math.floor(at);
    if (index < 0) return Math.max(0, instants[0] + at);
    if (index >= instants.length - 1) return instants[instants.length - 1] + (at - instants.length + 1);
    return instants[index] + (at - index) * (instants[index + 1] - instants[index]);
  },
  // The first and the last instant, and the room left free outside of them when the whole trace is shown.
  ends() {
    if (instants.length === 0) return [0, 1, 0];
    const first = this.at(instants[0]), last = this.at(instants[instants.length - 1]);
    return [first, last, (last - first) * 0.012 + (this.ordered ? 0.6 : 50)];
  },
  whole() {
    const [first, last, room] = this.ends();
    return [first - room, last + room];
  },
  narrowest() { return this.ordered ? 1 : 40; },

  // Marks of a ruler about `apart` units from each other: place and label.
  ticks(from, to, apart) {
    if (this.ordered) return this.ordered_ticks(from, to, apart);
    const rough = 10 ** Math.floor(Math.log10(Math.max(apart, 1)));
    const step = [1, 2, 5, 10].map((n) => n * rough).find((s) => s >= apart) ?? 10 * rough;
    const label = (at) => (step >= 1e9 ? `${at / 1e9} s` : step >= 1e6 ? `${at / 1e6} ms` : milliseconds(at, step));
    const out = [];
    for (let at = Math.max(0, Math.ceil(from / step) * step); at <= to; at += step) out.push([at, label(at)]);
    return out;
  },
  ordered_ticks(from, to, apart) {
    const out = [];
    const step = Math.max(1, Math.ceil(apart));
    for (let at = Math.max(0, Math.ceil(from / step) * step); at <= Math.min(to, instants.length - 1); at += step) {
      out.push([at, milliseconds(instants[at])]);
    }
    return out;
  },
};

