// The small drawings beside the findings: as large as a word, without axes.

const SPARK = { width: 96, height: 26, edge: 3 };

/** Draws every one that the page has the numbers for. */
function drawSparks(data) {
  for (const host of document.querySelectorAll("[data-spark]")) {
    const lines = sparkLines(data, JSON.parse(host.dataset.spark)).filter((line) => line.points.length > 1);
    if (lines.length) host.replaceChildren(sparkOf(lines));
  }
}

/** @returns {{points: [number, number][], look: object}[]} */
function sparkLines(data, { metric: key, runs, scopes, over }) {
  const metric = data.metrics.findIndex(({ name: own }) => own === key);
  if (metric < 0) return [];
  const places = scopes.map((scope) => data.scopes.indexOf(scope));
  if (over.endsWith("by step")) {
    const points = coursePoints(data, { metric, runs, scope: places[0] }, over);
    return [{ points, look: modelLook(data, data.modelOf[runs[0]]) }];
  }
  return runs.flatMap((run) => places.flatMap((scope, nth) =>
    runSeries(data, { metric, run, choice: String(scope), axis: "depth", after: false }).map(({ points, look }) => ({
      points: points
        .filter(({ x, cell }) => cell.status === "value" && (over === "layers" || x > 0))
        .map(({ x, cell }) => [x, cell.value]),
      look: nth ? hollow(look) : look,
    })),
  ));
}

/** The mean over the blocks, or the highest one, at each step: even in log(1 + step). */
function coursePoints(data, { metric, runs, scope }, over) {
  return runs.flatMap((run) => {
    const { states } = data.models[data.modelOf[run]];
    const values = states
      .map((state, place) => ({ ...state, cell: cellOf(data, { metric, run, state: place, scope }) }))
      .filter(({ site, cell }) => site === "block" && cell.status === "value")
      .map(({ cell }) => cell.value);
    if (!values.length) return [];
    return [[Math.log1p(data.runs[run].step), over === "mean by step" ? mean(values) : Math.max(...values)]];
  });
}

function sparkOf(lines) {
  const { width, height, edge } = SPARK;
  const points = lines.flatMap((line) => line.points);
  const [left, right] = extent(points.map(([x]) => x));
  let [low, high] = extent(points.map(([, y]) => y));
  // What is near 0 shows so; what hardly moves is no storm.
  if (low > 0 && low < 0.6 * high) low = 0;
  high = Math.max(high, low + 0.05 * Math.abs(low), low + 1e-12);
  const at = ([x, y]) => [
    edge + ((x - left) / (right - left || 1)) * (width - 2 * edge),
    height - edge - ((y - low) / (high - low)) * (height - 2 * edge),
  ];
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  for (const { points: own, look } of lines) {
    root.append(svg("path", { d: pathOf(own.map(at)), class: `line ${look.color}`, "stroke-dasharray": look.dash && "3 2" }));
  }
  return root;
}
