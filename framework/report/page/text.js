// ---- elements and words -------------------------------------------------------------------------------------
// Text from the trace is only ever put into text nodes, never into HTML.

const el = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const by_id = (id) => document.getElementById(id);

// As the text reports say it: "104.924 ms"; with more digits where instants lie closer than `apart` ns.
const milliseconds = (ns, apart = 1000) =>
  `${(ns / 1e6).toFixed(Math.min(6, Math.max(3, Math.ceil(6 - Math.log10(Math.max(apart, 1))))))} ms`;

const duration = (ns) => {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
    if (Math.abs(ns) >= size) return `${Number((ns / size).toPrecision(4))} ${unit}`;
  }
  return `${Math.round(ns)} ns`;
};

const count = (n, noun) => `${n.toLocaleString("en-US")} ${noun}${n === 1 ? "" : "s"}`;

// Sizes and addresses as the grammar writes them.
const size_text = (bytes) => {
  if (bytes >= 2 ** 40) return `0x${bytes.toString(16)}`;
  for (const [unit, size] of [["G", 2 ** 30], ["M", 2 ** 20], ["K", 2 ** 10]]) {
    if (bytes !== 0 && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}`;
};
const iova_text = (page, byte) =>
  page === 0 ? `0x${byte.toString(16)}` : `0x${page.toString(16)}${byte.toString(16).padStart(3, "0")}`;

