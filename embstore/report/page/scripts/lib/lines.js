// Line charts: series of points with intervals, over depth, layer or step.

/**
 * @typedef {{x: number, cell: Cell, joined: boolean, begins?: boolean, aside?: boolean, where: string,
 *   run: number, state: number | null, scope?: number}} Point  begins: a line of its own starts here;
 *   aside: does not stretch the axis, and is left out where it lies beyond it
 * @typedef {{label: string, short?: string, look: object, points: Point[], strong?: boolean}} Series
 * @typedef {{look: object, points: Point[]}} Backdrop  a thin line without marks
 * @typedef {{x: number, value: number, label: string, look: object}} Ring  a place to look at
 */

// With more lines, hollow ones have no marks: thousands take longer to draw than a reader waits.
const MOST_MARKED = 40;
const RING = 9;
// Marks of a longer series are drawn without their rim, which would hide the next.
const CROWDED = 60;
// What stands apart from its line: a cross.
const APART = "M-3.5,-3.5L3.5,3.5M-3.5,3.5L3.5,-3.5";

/**
 * Draws series into a host.
 * @param {Element} host
 * @param {{title?: string, caption: string, description: string, filename: string, xTitle: string,
 *   metric: Metric, series: Series[], log: boolean, xScale: (range: number[]) => Scale,
 *   pick: (point: Point) => void, named?: {label: string, look: object}[], direct?: boolean,
 *   backdrop?: Backdrop[], legend?: Element[], marked?: {x: number, label: string}[],
 *   rings?: Ring[]}} asked
 *   named: the legend's entries, where not one per series; direct: labels at the ends of lines;
 *   marked: places along the axis; rings: what the title tells of many lines
 */
function drawLines(host, asked) {
  const width = roomOf(host);
  const height = isFlat(valuesWithin(asked)) ? 200 : width < 520 ? 290 : 370;
  const { chart, beyond } = withinAxis(asked);
  const view = frame(host, { ...chart, width, height });
  if (isMany(chart.series)) view.root.classList.add("many");
  const known = chart.series.filter(
    (series) => !series.look.hollow && series.points.some((point) => point.joined && point.cell.status === "value"),
  );
  const room = chart.direct ? labelRoom(known.map(({ short, label }) => ({ text: short ?? label })), width) : 0;
  const box = { left: 58, right: width - 20 - room, top: 30, bottom: height - 50 };
  const x = chart.xScale([box.left, box.right]);
  const y = valueScale(chart, [box.bottom, box.top]);
  drawAxes(view.root, { x, y, xTitle: chart.xTitle, yTitle: axisTitle(chart.metric), box });
  drawBackdrop(view.root, chart.backdrop ?? [], { x, y });
  const bands = bandsOf(chart.series);
  const bare = chart.series.length > MOST_MARKED ? (series) => series.look.hollow : () => false;
  const marks = chart.series.map((series) => drawSeries(view.root, series, { x, y, bands, chart, bare: bare(series) }));
  const missing = drawMissing(view, chart.series, x, box);
  drawMarked(view.root, chart.marked ?? [], x, box);
  drawRings(view.root, chart.rings ?? [], { x, y });
  if (room) {
    const ends = known.map(({ short, label, look, points }) => {
      const end = points.findLast((point) => point.joined && point.cell.status === "value");
      return { text: short ?? label, look, x: x.at(end.x), y: y.at(end.cell.value) };
    });
    drawLabels(view.root, ends, box);
  }
  connect(view, chart, marks);
  const names = (room ? [] : chart.named ?? chart.series).map(({ label, look }) => legendEntry(label, look));
  view.legend.append(
    el(
      "ul",
      {},
      isMany(chart.series) ? [] : names,
      (chart.rings ?? []).map(({ label, look }) => ringEntry(label, look)),
      chart.legend ?? [],
      chart.series.some(({ points }) => points.some(({ aside, cell }) => aside && cell.status === "value"))
        ? legendEntry("the embedding", { color: "plain", mark: APART, apart: true })
        : null,
      beyond.length ? el("li", {}, `Left off the axis: the embedding, ${spanWords(beyond)}.`) : null,
      missing.map(([kind, n]) => hatchEntry(view.id, kind.replace(" ", "-"), `${STATUS_WORDS[kind]} (${plural(n, "value")})`)),
      bandWords(chart.series, bands) ? el("li", {}, bandWords(chart.series, bands)) : null,
    ),
  );
  // So many would push everything else off the screen.
  if (isMany(chart.series) && names.length) {
    view.legend.append(el("details", { class: "names" }, el("summary", {}, `Which line is which (${count(names.length)})`), el("ul", {}, names)));
  }
}

/** More lines than can be told apart: they are thin, and the title tells of all of them. */
function isMany(series) {
  return series.filter(({ look }) => !look.hollow).length > MOST_BANDS;
}

/** The lowest and highest value that the axis has to show. */
function valuesWithin({ series, backdrop = [] }) {
  const points = [...series, ...backdrop].flatMap((one) => one.points);
  const inside = points.filter(({ aside, cell }) => !aside && cell.status === "value");
  const bands = bandsOf(series);
  const endsOf = ({ low, high, seeds }) => [
    ...(bands.sure && !backdrop.length ? [low, high] : []),
    ...(bands.seeds && seeds ? [seeds.low, seeds.high] : []),
  ];
  return extent((inside.length ? inside : points).flatMap(({ cell }) => [cell.value, ...endsOf(cell)]));
}

/** Whether all values are one, but for rounding. */
function isFlat([low, high]) {
  return high - low <= 1e-3 * Math.abs(high);
}

/** The chart without the points beyond its axis, and the values of these. */
function withinAxis(chart) {
  const { domain: [low, high] } = valueScale(chart, [0, 1]);
  const beyond = [];
  const kept = (one) => ({
    ...one,
    points: one.points.filter((point) => {
      const outside = point.aside && (point.cell.value < low || point.cell.value > high);
      if (outside) beyond.push(point.cell.value);
      return !outside;
    }),
  });
  return { chart: { ...chart, series: chart.series.map(kept), backdrop: (chart.backdrop ?? []).map(kept) }, beyond };
}

/** "8.4" or "8.4 to 68". */
function spanWords(values) {
  const [low, high] = extent(values).map(brief);
  return low === high ? low : `${low} to ${high}`;
}

/** The value axis: from zero where the values reach down to it. */
function valueScale(chart, range) {
  const { log, metric } = chart;
  let [low, high] = valuesWithin(chart);
  if (!Number.isFinite(low)) return evenScale([0, 1], range);
  if (isFlat([low, high])) {
    // One value has its place in the middle.
    if (log && low > 0) return logScale([low / 2, 2 * high], range);
    const room = 0.2 * Math.abs(high) || 1;
    return evenScale([low - room, high + room], range, 4);
  }
  const whole = metric.upper === "1" && metric.unit === "1" && high > 0.6 && high <= 1;
  if (log && low > 0) return logScale([low, whole ? 1 : high], range);
  if (low > 0 && low < 0.6 * high) low = 0;
  else if (low > 0) low -= 0.04 * (high - low);
  if (whole) high = 1;
  return evenScale([low, high], range);
}

/** Thin lines that the series are seen against. */
function drawBackdrop(root, lines, { x, y }) {
  const layer = svg("g", { class: "backdrop", "aria-hidden": "true" });
  for (const { look, points } of lines) {
    const d = unbroken(points).map((part) => pathOf(part.map((point) => [x.at(point.x), y.at(point.cell.value)]))).join("");
    if (!d) continue;
    const path = svg("path", { d, class: `line ${look.color}` });
    coloured(path, look);
    layer.append(path);
  }
  root.append(layer);
}

/** Triangles along the axis, each with its words. */
function drawMarked(root, places, x, { bottom }) {
  const layer = svg("g", { class: "marked" });
  for (const place of places) {
    layer.append(svg("path", { d: "M-4,0H4L0,-7Z", transform: `translate(${x.at(place.x).toFixed(1)},${bottom})` }, svg("title", {}, place.label)));
  }
  root.append(layer);
}

/** Rings around what the title tells. */
function drawRings(root, rings, { x, y }) {
  const layer = svg("g", { class: "rings" });
  for (const { x: across, value, label, look } of rings) {
    const at = `translate(${x.at(across).toFixed(1)},${y.at(value).toFixed(1)})`;
    layer.append(svg("circle", { r: RING, transform: at, class: ringClass(look) }, svg("title", {}, label)));
  }
  root.append(layer);
}

function drawSeries(root, series, { x, y, bands, chart, bare }) {
  const crowded = series.points.length > CROWDED ? "crowded" : "";
  const group = svg("g", { class: `series ${series.look.color} ${crowded} ${series.strong ? "strong" : ""}` });
  coloured(group, series.look);
  for (const part of unbroken(series.points)) {
    drawBands(group, part, { x, y, bands });
    const path = pathOf(part.map((point) => [x.at(point.x), y.at(point.cell.value)]));
    group.append(svg("path", { d: path, class: "line", "stroke-dasharray": series.look.dash }));
  }
  const marks = [];
  const size = isMany(chart.series) && !series.strong ? " scale(0.6)" : "";
  for (const point of bare ? [] : series.points) {
    if (point.cell.status !== "value") continue;
    const at = [x.at(point.x), y.at(point.cell.value)];
    const mark = svg("path", {
      d: point.joined ? series.look.mark : APART,
      transform: `translate(${at.map((number) => number.toFixed(1))})${size}`,
      class: `mark${point.joined ? "" : " apart"}${series.look.hollow ? " hollow" : ""}`,
      role: "img",
      tabindex: -1,
      "aria-label": `${series.label}, ${point.where}: ${valueWords(point.cell, chart.metric.unit)}`,
    });
    group.append(mark);
    marks.push({ mark, point, series, at });
  }
  root.append(group);
  return marks;
}

/** Cuts a series where a value is missing; a point that is not joined is left out. */
function unbroken(points) {
  const parts = [[]];
  for (const point of points) {
    if (point.begins && parts.at(-1).length) parts.push([]);
    if (point.joined && point.cell.status === "value") parts.at(-1).push(point);
    else if (parts.at(-1).length) parts.push([]);
  }
  return parts.filter((part) => part.length);
}

function pathOf(places) {
  return `M${places.map((place) => place.map((number) => number.toFixed(1)).join(",")).join("L")}`;
}

/** Hatches the places where a series has no value; returns how many of each kind. */
function drawMissing(view, seriesList, x, box) {
  const counts = new Map();
  const places = new Set();
  const layer = svg("g", { "aria-hidden": "true" });
  for (const { points } of seriesList) {
    for (const { x: place, cell } of points) {
      if (cell.status === "value") continue;
      counts.set(cell.status, (counts.get(cell.status) ?? 0) + 1);
      if (places.has(place)) continue;
      places.add(place);
      const pattern = `url(#${view.id}-${cell.status.replace(" ", "-")})`;
      layer.append(svg("rect", { x: x.at(place) - 4, y: box.top, width: 8, height: box.bottom - box.top, fill: pattern, class: "gap" }));
    }
  }
  view.root.append(layer);
  return [...counts];
}

/** Lets pointer and keyboard reach every mark. */
function connect(view, chart, marks) {
  const known = new Map(marks.flat().map((one) => [one.mark, one]));
  const hover = (one) => {
    one.mark.classList.add("active");
    const lines = [one.series.label, one.point.where, valueWords(one.point.cell, chart.metric.unit)];
    showTip(view, lines, ...one.at);
  };
  const leave = () => {
    for (const mark of view.root.querySelectorAll(".active")) mark.classList.remove("active");
    view.tip.hidden = true;
  };
  rove(view.root, marks.map((row) => row.map((one) => one.mark)), {
    enter: (mark) => {
      leave();
      hover(known.get(mark));
      chart.pick(known.get(mark).point);
    },
    leave,
    pick: (mark) => chart.pick(known.get(mark).point),
  });
  const nearest = (event) => nearestMark(view.root, [...known.values()], event);
  view.root.addEventListener("pointermove", (event) => {
    const one = nearest(event);
    leave();
    if (one) hover(one);
  });
  view.root.addEventListener("pointerleave", leave);
  view.root.addEventListener("click", (event) => {
    const one = nearest(event);
    if (one) chart.pick(one.point);
  });
}

function nearestMark(root, marks, event) {
  const bounds = root.getBoundingClientRect();
  const share = root.viewBox.baseVal.width / bounds.width;
  const here = [(event.clientX - bounds.left) * share, (event.clientY - bounds.top) * share];
  let best = null;
  let least = 40;
  for (const one of marks) {
    const distance = Math.hypot(one.at[0] - here[0], one.at[1] - here[1]);
    if (distance < least) [best, least] = [one, distance];
  }
  return best;
}
