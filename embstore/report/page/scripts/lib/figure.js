// What line charts and heat maps share: the frame, axes, keyboard, tooltips, hatching.

const MARKS = [
  "M-3,0A3,3 0 1,0 3,0A3,3 0 1,0 -3,0Z",
  "M-2.7,-2.7H2.7V2.7H-2.7Z",
  "M0,-3.6L3.4,2.6H-3.4Z",
  "M0,-4L3.2,0L0,4L-3.2,0Z",
  "M-1.2,-3.4H1.2V-1.2H3.4V1.2H1.2V3.4H-1.2V1.2H-3.4V-1.2H-1.2Z",
  "M0,3.6L3.4,-2.6H-3.4Z",
];
// Seven, then the same nearer to the ink, then nearer to the background, as the charts have them.
const COLORS = 21;
const OTHERS = 6;

let figures = 0;

/** How the nth of models looks: 21 colours and six shapes are 42 looks. */
function lookOf(place) {
  return { color: `c${place % COLORS}`, mark: MARKS[place % MARKS.length], dash: null };
}

/** How the nth of a few things looks that are no models, whose colours they would seem to have. */
function otherLook(place) {
  return { color: `o${place % OTHERS}`, mark: MARKS[place % MARKS.length], dash: null };
}

/** How one of ordered things looks, steps or layers: viridis from its dark end, as in charts. */
function orderedLook(share) {
  return { color: "ordered", share, mark: MARKS[0], dash: null };
}

/** The same over other tokens: broken lines and hollow marks. */
function hollow(look) {
  return { ...look, dash: "6 4", hollow: true };
}

/** Gives an element the colour of an ordered look; that of others is in the style sheet. */
function coloured(element, { share }) {
  if (share === undefined) return;
  element.style.setProperty("--by-day", viridis(0.85 * share));
  element.style.setProperty("--by-night", viridis(0.25 + 0.75 * share));
}

/**
 * Makes a figure: a title that says what is found, an empty SVG, its legend and caption.
 * @param {Element} host
 * @param {{title?: string, caption: string, height: number, width: number, description: string,
 *   filename: string}} options
 */
function frame(host, { title = "", caption, height, description, width, filename }) {
  figures += 1;
  const id = `figure-${figures}`;
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "group",
    "aria-label": description,
    class: "plot",
  });
  root.append(hatching(id));
  const tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true });
  const legend = el("div", { class: "legend" });
  const canvas = el("div", { class: "canvas" }, root);
  const words = el("figcaption", {}, `${caption} Pick a value to see its run.`);
  const figure = el("figure", {}, title ? el("p", { class: "title" }, title) : null, canvas, tip, legend, words);
  const picture = () => ({ root, legend, title, caption, filename });
  figure.append(el("div", { class: "save" }, SAVE_AS.map((kind) => saveButton(kind, picture))));
  host.replaceChildren(figure);
  return { id, root, tip, legend, canvas };
}

/** The patterns of cells without a number. */
function hatching(id) {
  const lines = (kind, path) =>
    svg(
      "pattern",
      { id: `${id}-${kind}`, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
      svg("rect", { width: 6, height: 6, class: "hatch-ground" }),
      svg("path", { d: path, class: "hatch" }),
    );
  return svg(
    "defs",
    {},
    lines("absent", "M-1,7L7,-1"),
    lines("undefined", "M-1,7L7,-1M-1,-1L7,7"),
    lines("left-out", "M0,3H2.5"),
  );
}

/** The room a figure has, never less than a phone's. */
function roomOf(host) {
  return Math.round(Math.min(Math.max(host.clientWidth, 300), 1180));
}

/** Draws both axes with their titles and grid lines. */
function drawAxes(root, { x, y, xTitle, yTitle, box }) {
  const layer = svg("g", { class: "axes", "aria-hidden": "true" });
  for (const tick of y.ticks) {
    const at = y.at(tick);
    layer.append(
      svg("line", { x1: box.left, x2: box.right, y1: at, y2: at, class: "grid" }),
      svg("text", { x: box.left - 8, y: at, class: "y-tick" }, y.format(tick)),
    );
  }
  for (const tick of x.ticks) {
    const at = x.at(tick);
    layer.append(
      svg("line", { x1: at, x2: at, y1: box.bottom, y2: box.bottom + 5, class: "tick" }),
      svg("text", { x: at, y: box.bottom + 18, class: "x-tick" }, x.format(tick)),
    );
  }
  layer.append(
    svg("line", { x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom, class: "tick" }),
    svg("text", { x: (box.left + box.right) / 2, y: box.bottom + 38, class: "x-title" }, xTitle),
    svg("text", { x: box.left - 48, y: 14, class: "y-title" }, yTitle),
  );
  root.append(layer);
}

/**
 * Makes marks one stop of the Tab key; arrows go between them, Enter picks.
 * @param {Element} root
 * @param {Element[][]} grid rows from top to bottom
 * @param {{enter: (mark: Element) => void, leave: () => void, pick: (mark: Element) => void}} on
 */
function rove(root, grid, on) {
  const places = new Map();
  grid.forEach((row, r) => row.forEach((mark, c) => places.set(mark, [r, c])));
  let current = grid.flat()[0];
  if (!current) return;
  current.setAttribute("tabindex", "0");

  function go(mark) {
    current.setAttribute("tabindex", "-1");
    current = mark;
    current.setAttribute("tabindex", "0");
    current.focus();
  }

  root.addEventListener("keydown", (event) => {
    const place = places.get(event.target);
    if (!place) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      on.pick(event.target);
      return;
    }
    const next = neighbour(grid, place, event.key);
    if (!next) return;
    event.preventDefault();
    go(next);
  });
  root.addEventListener("focusin", (event) => places.has(event.target) && on.enter(event.target));
  root.addEventListener("focusout", on.leave);
}

function neighbour(grid, [row, column], key) {
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  if (key === "Home") return grid[row][0];
  if (key === "End") return grid[row].at(-1);
  if (!(key in moves)) return null;
  const [down, right] = moves[key];
  let r = row + down;
  while (grid[r] && !grid[r].length) r += down;
  const marks = grid[r];
  return marks ? marks[Math.min(column + right, marks.length - 1)] ?? null : null;
}

/** Shows lines of text beside a place of the plot, inside the figure. */
function showTip({ tip, root, canvas }, lines, x, y) {
  tip.replaceChildren(...lines.map((line) => el("div", {}, line)));
  tip.hidden = false;
  const share = root.clientWidth / root.viewBox.baseVal.width || 1;
  const wanted = x * share - canvas.scrollLeft - tip.offsetWidth / 2;
  tip.style.left = `${Math.max(0, Math.min(wanted, canvas.clientWidth - tip.offsetWidth))}px`;
  tip.style.top = `${canvas.offsetTop + y * share - tip.offsetHeight - 12}px`;
}

/** The words for a number: with its interval, or why it is missing. */
function valueWords(cell, unit) {
  if (cell.status !== "value") return STATUS_WORDS[cell.status];
  const sized = unit && unit !== "1" && unit !== "index" ? ` ${unit}` : "";
  if (cell.seeds) return `${show(cell.value)}${sized} (${seedWords(cell.seeds)})`;
  const sure = Number.isNaN(cell.low) ? "" : ` (95 % interval ${show(cell.low)} to ${show(cell.high)})`;
  return `${show(cell.value)}${sized}${sure}`;
}

/** What a median is of: "median of 3 seeds, from 0.1 to 0.3". */
function seedWords({ n, low, high }) {
  const span = Number.isFinite(low) ? `, from ${show(low)} to ${show(high)}` : "";
  return n > 1 ? `median of ${count(n)} seeds${span}` : "of one seed";
}

/** The title of an axis: what is measured and in what. */
function axisTitle(metric) {
  const unit = metric.unit === "1" ? "" : ` (${metric.unit})`;
  return `${metric.title}${unit}`;
}
