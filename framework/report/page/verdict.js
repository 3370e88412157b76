// ---- the verdict and its witnesses --------------------------------------------------------------------------

const kOpenCards = 8;  // further ones are folded away, so that the timeline is not far
const only_known = data.verdict.kind === "pass" && violations.length > 0;
const fact_word = (key) => data.facts.words.find(([name]) => name === key)?.[1];

const pair = (name, value, look) => [el("dt", null, name), el("dd", look ? { class: look } : null, value)];

const verdict_head = () => {
  const head = by_id("verdict");
  const kind = only_known ? "known" : data.verdict.kind;
  head.className = kind;
  document.title = `${kind}: ${data.file}`;
  head.append(el("div", { class: "stamp" }, kind), el("h1", null, data.verdict.headline));
  const first = violations.find((v) => v.known === "") ?? violations[0];
  if (first) head.append(el("p", { class: "lead" }, first.summary));
  if (data.verdict.kind === "violation" && data.verdict.reason) head.append(el("p", { class: "lead" }, `Also inconclusive: ${data.verdict.reason}.`));
  if (data.verdict.cut) head.append(el("p", { class: "lead" }, "The trace was cut: it breaks off inside a line, and what is shown ends there."));
  if (data.title) head.append(el("p", { class: "claim" }, `Scenario: ${data.title}`));
  const facts = [
    ["rig", fact_word("rig") ?? "without a name"], ["kernel", `Linux ${fact_word("kernel") ?? "?"}`],
    ["IOMMU", fact_word("iommu") ?? "?"], ["model", data.model],
    ["run", `${count(data.verdict.steps, "step")}, ${count(data.verdict.dmas, "DMA")}, ${count(data.verdict.faults, "fault")}`],
    ["trace", data.file],
  ];
  head.append(el("dl", { class: "facts" }, ...facts.map(([name, value]) => el("div", null, ...pair(name, value)))));
  head.append(el("details", { class: "machine" }, el("summary", null, `${count(data.facts.devices.length, "device")} and other facts`),
    el("div", { class: "scroll" }, el("table", { class: "lines" }, ...data.facts.lines.filter(([, text]) => !text.startsWith("end ")).map(([line, text]) =>
      el("tr", null, el("td", { class: "time" }, `${line}`), el("td", null, text)))))));
};

// One line of the trace as a row; its number takes the timeline there.
const line_row = (item, look) => {
  const jump = el("button", { type: "button", class: "link", "data-line": item.line, title: "show on the timeline" }, `${item.line}`);
  if (item.t0 === undefined) jump.disabled = true;
  jump.addEventListener("click", () => show_line(item.line));
  const expected = item.expected ? ` => ${item.expected}` : "";
  const outcome = item.outcome ? ` => ${item.outcome}` : "";
  return el("tr", look ? { class: look } : null, el("td", { class: "time" }, jump),
    el("td", { class: "time" }, item.t0 === undefined ? "" : milliseconds(item.t0)),
    el("td", { class: "time" }, item.t1 > item.t0 ? duration(item.t1 - item.t0) : ""),
    el("td", null, `${look === "culprit" ? "▶ " : ""}${item.text}${expected}${outcome}`));
};
const line_heads = () => el("tr", null, ...["line", "at", "took", "step or event"].map((name) => el("th", { scope: "col" }, name)));

const witness_table = (violation) => {
  const rows = violation.witness.map((line) => find_line(line)).filter((item) => item !== null)
    .map((item) => line_row(item, item.line === violation.line ? "culprit" : ""));
  return el("div", { class: "scroll" }, el("table", { class: "lines" }, line_heads(), ...rows));
};

const violation_card = (violation, open) => {
  const known = violation.known !== "";
  const head = el("summary", null, el("b", null, known ? `known: ${violation.rule}` : `${violation.rule} violated`),
    `, line ${violation.line}: ${violation.summary}`);
  const card = el("details", { class: known ? "card known-card" : "card", "data-rule": violation.rule, "data-line": violation.line }, head);
  const fill = () => {
    if (card.childElementCount > 1) return;
    const list = el("dl");
    if (known) list.append(...pair("known", violation.known));
    if (violation.window) list.append(...pair("between", `${milliseconds(violation.window[0])} and ${milliseconds(violation.window[1])}`));
    violation.candidates.forEach((text, n) => list.append(...pair(n ? "or" : "right", text, "mono")));
    list.append(...pair("observed", violation.observed, "mono"), ...pair("promise", violation.promise), ...pair("written in", violation.source, "mono"));
    const show = el("button", { type: "button" }, "show on the timeline");
    show.addEventListener("click", () => show_violation(violation));
    card.append(el("div", { class: "inside" }, list, el("h3", null, "Witness"), witness_table(violation), el("p", { class: "keys" }, show)));
  };
  card.addEventListener("toggle", () => card.open && fill());
  if (open) {
    card.open = true;
    fill();
  }
  return card;
};

const violation_cards = () => {
  const place = by_id("violations");
  if (violations.length === 0) return;
  place.hidden = false;
  place.classList.toggle("one", violations.length === 1);
  violations.slice(0, kOpenCards).forEach((v, n) => place.append(violation_card(v, n === 0)));
  const rest = violations.slice(kOpenCards);
  if (rest.length > 0) {
    place.append(el("details", { class: "rest" }, el("summary", null, `${count(rest.length, "more violation")}`), ...rest.map((v) => violation_card(v, false))));
  }
  if (data.verdict.dropped > 0) place.append(el("p", { class: "keys" }, `And ${count(data.verdict.dropped, "violation")} more, counted but not kept.`));
};

