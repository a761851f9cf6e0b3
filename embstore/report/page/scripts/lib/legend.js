// The legend below a figure, and the labels at the ends of its lines.

const LABEL_HEIGHT = 15;
const LABEL_LETTERS = 24;
const LETTER_WIDTH = 7.9;

/** One entry of a legend, drawn as its series is. */
function legendEntry(label, look) {
  const sample = svg("svg", { width: 34, height: 12, viewBox: "-17 -6 34 12", class: look.color, "aria-hidden": "true" });
  coloured(sample, look);
  if (!look.apart) sample.append(svg("line", { x1: -16, x2: 16, y1: 0, y2: 0, class: "line", "stroke-dasharray": look.dash }));
  sample.append(svg("path", { d: look.mark, class: `mark${look.hollow ? " hollow" : ""}${look.apart ? " apart" : ""}` }));
  return el("li", {}, sample, name(label));
}

function ringClass(look) {
  return look.hollow ? "ring hollow" : "ring";
}

/** The entry of a ring. */
function ringEntry(label, look) {
  const sample = svg("svg", { width: 16, height: 12, viewBox: "-8 -6 16 12", "aria-hidden": "true" });
  sample.append(svg("circle", { r: 4.5, class: ringClass(look) }));
  return el("li", {}, sample, label);
}

/** A hatched entry of a legend. */
function hatchEntry(figureId, kind, label) {
  const sample = svg("svg", { width: 18, height: 12, "aria-hidden": "true" });
  sample.append(svg("rect", { width: 18, height: 12, fill: `url(#${figureId}-${kind})`, class: "hatched" }));
  return el("li", {}, sample, label);
}

/** A bar of colours with a text at either end. */
function rampEntry(low, color, high) {
  const n = 40;
  const bar = svg("svg", { width: 160, height: 12, "aria-hidden": "true" });
  for (let i = 0; i < n; i += 1) {
    const part = svg("rect", { x: (i * 160) / n, width: 160 / n + 0.5, height: 12 });
    color(part, i / (n - 1));
    bar.append(part);
  }
  return el("li", {}, low, bar, high);
}

/** A text cut in its middle, for names begin and end with what tells them apart. */
function cut(text, most = LABEL_LETTERS) {
  if (text.length <= most) return text;
  const start = Math.ceil((most - 1) / 2);
  return `${text.slice(0, start)}…${text.slice(text.length - (most - 1 - start))}`;
}

/** How much room labels at the ends of lines need; 0 where a legend does better, which has names in full. */
function labelRoom(labels, width) {
  if (!labels.length || labels.length > 6 || width < 700) return 0;
  const names = new Set(labels.map(({ text }) => text));
  if (new Set([...names].map((text) => cut(text))).size < names.size) return 0;
  return 16 + LETTER_WIDTH * Math.min(LABEL_LETTERS, Math.max(...labels.map(({ text }) => text.length)));
}

/**
 * Writes labels at the ends of lines: to the right of all apart from each other, and where a line
 * ends early beside its end.
 * @param {Element} root
 * @param {{text: string, look: object, x: number, y: number}[]} labels
 */
function drawLabels(root, labels, { right, top, bottom }) {
  const early = labels.filter((label) => label.x < right - 2 * LABEL_HEIGHT);
  const sorted = labels.filter((label) => !early.includes(label)).sort((a, b) => a.y - b.y);
  sorted.forEach((label, i) => {
    label.at = Math.max(label.y, i ? sorted[i - 1].at + LABEL_HEIGHT : top);
  });
  for (let i = sorted.length - 1, floor = bottom; i >= 0; i -= 1, floor = sorted[i + 1].at - LABEL_HEIGHT) {
    sorted[i].at = Math.min(sorted[i].at, floor);
  }
  const layer = svg("g", { class: "labels", "aria-hidden": "true" });
  for (const label of early) label.at = Math.min(label.y, bottom - LABEL_HEIGHT / 2);
  for (const { text, look, at, x } of [...sorted, ...early]) {
    const label = svg("text", { x: (x < right - 2 * LABEL_HEIGHT ? x : right) + 10, y: at, class: `label ${look.color}` }, cut(text));
    coloured(label, look);
    layer.append(label);
  }
  root.append(layer);
}
