// Heat maps: hidden states from bottom to top, checkpoints from left to right.

// Narrower columns scroll instead.
const LEAST_COLUMN = 7;

/**
 * Draws cells into a host.
 * @param {Element} host
 * @param {{caption: string, description: string, metric: Metric, log: boolean,
 *   rows: {label: string, aside?: boolean}[], columns: {label: string}[], cells: Cell[][],
 *   where: (row: number, column: number) => string, pick: (row: number, column: number) => void}} chart
 *   cells by row from bottom to top, then by column; rows aside do not stretch the colours
 */
function drawHeatmap(host, chart) {
  const { rows, columns, cells } = chart;
  const box = { left: 58, top: 30 };
  const cellWidth = Math.max(LEAST_COLUMN, Math.min(60, (roomOf(host) - box.left - 14) / columns.length));
  const cellHeight = rows.length > 20 ? 16 : 22;
  box.right = box.left + cellWidth * columns.length;
  box.bottom = box.top + cellHeight * rows.length;
  const width = Math.max(box.right + 14, Math.min(roomOf(host), 520));
  const height = box.bottom + 50;
  const view = frame(host, { ...chart, width, height });
  view.canvas.classList.add("wide");
  const paint = painter(cells, rows, chart.log);
  drawNames(view.root, chart, { box, cellWidth, cellHeight });
  const known = new Map();
  const grid = rows.map((_, place) => {
    const row = rows.length - 1 - place;
    return columns.map((_, column) => {
      const cell = cells[row][column];
      const at = [box.left + column * cellWidth, box.top + place * cellHeight];
      const rect = svg("rect", {
        x: at[0].toFixed(1),
        y: at[1],
        width: (cellWidth + 0.3).toFixed(1),
        height: cellHeight + 0.3,
        fill: cell.status === "value" ? paint.color(cell.value) : `url(#${view.id}-${cell.status.replace(" ", "-")})`,
        class: "cell",
        role: "img",
        "aria-label": `${chart.where(row, column)}: ${valueWords(cell, chart.metric.unit)}`,
      });
      known.set(rect, { row, column, cell, at: [at[0] + cellWidth / 2, at[1]] });
      return rect;
    });
  });
  const cursor = cursorOf(cellWidth, cellHeight);
  view.root.append(svg("g", {}, grid.flat()), cursor);
  connectCells({ ...view, cursor }, chart, grid, known);
  view.legend.append(colorLegend(view.id, chart, paint, cells.flat()));
}

/** The outline of the current cell, above all cells: light and dark, to be seen on any colour. */
function cursorOf(width, height) {
  const outline = (kind) => svg("rect", { width, height, class: kind });
  return svg("g", { class: "cursor", visibility: "hidden" }, outline("halo"), outline("rim"));
}

function connectCells(view, chart, grid, known) {
  const leave = () => {
    view.tip.hidden = true;
    view.cursor.setAttribute("visibility", "hidden");
  };
  const hover = (rect) => {
    const { row, column, cell, at } = known.get(rect);
    view.cursor.setAttribute("visibility", "visible");
    view.cursor.setAttribute("transform", `translate(${rect.getAttribute("x")},${rect.getAttribute("y")})`);
    showTip(view, [chart.where(row, column), valueWords(cell, chart.metric.unit)], ...at);
  };
  const pick = (rect) => chart.pick(known.get(rect).row, known.get(rect).column);
  rove(view.root, grid, {
    enter: (rect) => {
      hover(rect);
      pick(rect);
    },
    leave,
    pick,
  });
  view.root.addEventListener("pointermove", (event) => {
    if (known.has(event.target)) hover(event.target);
    else leave();
  });
  view.root.addEventListener("pointerleave", leave);
  view.root.addEventListener("click", (event) => known.has(event.target) && pick(event.target));
}

function drawNames(root, { rows, columns, metric }, { box, cellWidth, cellHeight }) {
  const layer = svg("g", { class: "axes", "aria-hidden": "true" });
  const down = every(rows.length, (cellHeight * rows.length) / 15);
  rows.forEach(({ label }, row) => {
    if (row % down) return;
    const at = box.bottom - (row + 0.5) * cellHeight;
    layer.append(svg("text", { x: box.left - 8, y: at, class: "y-tick" }, label));
  });
  const longest = Math.max(...columns.map(({ label }) => label.length));
  const across = every(columns.length, (cellWidth * columns.length) / (7 * longest + 12));
  columns.forEach(({ label }, column) => {
    if (column % across) return;
    const at = box.left + (column + 0.5) * cellWidth;
    layer.append(
      svg("line", { x1: at, x2: at, y1: box.bottom, y2: box.bottom + 5, class: "tick" }),
      svg("text", { x: at, y: box.bottom + 18, class: "x-tick" }, label),
    );
  });
  layer.append(
    svg("text", { x: box.left - 48, y: 14, class: "y-title" }, "Layer"),
    svg("text", { x: box.left, y: box.bottom + 38, class: "x-title start" }, `Checkpoint · colour: ${axisTitle(metric)}`),
  );
  root.append(layer);
}

/**
 * Maps numbers to colours, evenly or by logarithm. The embedding's do not stretch the scale: of
 * a dimension they are far above all blocks, which would then look alike.
 */
function painter(cells, rows, log) {
  const blocks = cells.filter((_, row) => !rows[row].aside).flat();
  const every = extent(cells.flat().map((cell) => cell.value));
  const [low, high] = blocks.some((cell) => cell.status === "value") ? extent(blocks.map((cell) => cell.value)) : every;
  const byLog = log && low > 0;
  const place = byLog ? (value) => Math.log(Math.max(value, low)) : Number;
  const span = place(high) - place(low) || 1;
  const asides = extent(cells.filter((_, row) => rows[row].aside).flat().map((cell) => cell.value));
  const beyond = asides[0] < low || asides[1] > high ? asides : null;
  return { low, high, byLog, beyond, color: (value) => viridis((place(value) - place(low)) / span) };
}

function colorLegend(id, { metric }, paint, cells) {
  const kinds = ["absent", "undefined", "left out"].filter((kind) => cells.some((c) => c.status === kind));
  const entries = kinds.map((kind) => {
    const n = cells.filter((cell) => cell.status === kind).length;
    return hatchEntry(id, kind.replace(" ", "-"), `${STATUS_WORDS[kind]} (${plural(n, "cell")})`);
  });
  if (Number.isFinite(paint.low)) entries.unshift(gradient(metric, paint));
  return el("ul", {}, entries);
}

function gradient(metric, { low, high, byLog, beyond }) {
  const color = (part, share) => part.setAttribute("fill", viridis(share));
  const words = `${metric.symbol}${byLog ? ", logarithmic" : ""}`;
  const aside = beyond ? `; the embedding, ${spanWords(beyond)}, lies beyond the colours` : "";
  return rampEntry(show(low), color, `${show(high)} ${words}${aside}`);
}
