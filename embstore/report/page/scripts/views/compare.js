// Two checkpoints side by side: one chart of both, and every metric's difference.

/** @param {Data} data @param {Element} host */
function compareView(data, host) {
  const [first, second] = [...firstModels(data, 2), 0];
  const view = { metric: 0, scope: 0, runs: [lastRun(data, first), lastRun(data, second)] };
  const canvas = el("div", { class: "chart" });
  const notes = el("p", { class: "note" });
  const table = el("div");
  const panel = provenancePanel(data);
  const changed = () => {
    draw();
    announce(`Comparison: ${compareCaption(data, view)}`);
  };
  const set = (key) => (value) => {
    view[key] = Number(value);
    changed();
  };
  const controls = el(
    "div",
    { class: "controls" },
    ["A", "B"].map((side, place) => sidePicker(data, side, view.runs[place], (run) => {
      view.runs[place] = run;
      changed();
    })),
    select("Metric", metricChoices(data), view.metric, set("metric")).element,
    select("Tokens counted", scopeChoices(data), view.scope, set("scope")).element,
  );

  function draw() {
    const caption = compareCaption(data, view);
    notes.textContent = [compareNote(data, view), metricNote(data, view.metric)].join(" ").trim();
    const series = view.runs.flatMap((run, side) => sideSeries(data, view, run, side));
    if (series.length) {
      drawLines(canvas, {
        caption,
        description: `Line chart: ${caption} Arrow keys go from value to value.`,
        xTitle: "Relative depth (layer / number of layers)",
        metric: data.metrics[view.metric],
        series,
        log: false,
        xScale: (range) => evenScale([0, 1], range),
        pick: (point) => panel.tell({ ...point, metric: view.metric, scope: view.scope }),
      });
    } else {
      canvas.replaceChildren(el("p", { class: "empty" }, "Neither has this metric."));
    }
    table.replaceChildren(
      makeTable({
        caption: `A and B over all metrics, ${scopeChoices(data)[view.scope].label}: means over the blocks, and where they differ most`,
        columns: COMPARE_COLUMNS,
        rows: compareRows(data, view),
        filename: "compare.csv",
        pageSize: 100,
        pick: (row) => {
          panel.tell(...view.runs.map((run, side) => rowSelection(row, run, side, view.scope)));
          panel.element.scrollIntoView({ block: "nearest" });
          announce(`Provenance of ${row.metric} in A and B is shown above the table.`);
        },
        pickName: (row) => row.metric,
      }),
    );
  }

  host.replaceChildren(controls, notes, canvas, panel.element, table);
  draw();
  return draw;
}

const COMPARE_COLUMNS = [
  { key: "metric", label: "Metric" },
  { key: "unit", label: "Unit" },
  { key: "a", label: "A, mean" },
  { key: "b", label: "B, mean" },
  { key: "difference", label: "B − A" },
  { key: "a_highest", label: "A, highest" },
  { key: "b_highest", label: "B, highest" },
  { key: "gap", label: "Largest gap" },
  { key: "gap_depth", label: "at depth" },
];

/** What a row says about one side, shown with its provenance. */
function rowSelection(row, run, side, scope) {
  const [average, highest] = side ? [row.b, row.b_highest] : [row.a, row.a_highest];
  return { run, metric: row.place, scope, over: `mean ${show(average)}, highest ${show(highest)}` };
}

function lastRun(data, place) {
  return data.models[place].newest.at(-1);
}

/** A model and its checkpoint, for one side. */
function sidePicker(data, side, run, onchange) {
  const start = data.modelOf[run];
  const runChoices = (place) =>
    data.models[place].runs.map((value) => ({ value, label: checkpointWords(data, value) }));
  let checkpoints = select(`${side}: checkpoint`, runChoices(start), run, (value) => onchange(Number(value))).element;
  const models = select(`${side}: model`, modelChoices(data), start, (value) => {
    const last = lastRun(data, Number(value));
    const renewed = select(`${side}: checkpoint`, runChoices(Number(value)), last, (chosen) => onchange(Number(chosen)));
    checkpoints.replaceWith(renewed.element);
    checkpoints = renewed.element;
    onchange(last);
  });
  return el("div", { class: "pair", role: "group", "aria-label": `Side ${side}` }, models.element, checkpoints);
}

function checkpointWords(data, run) {
  const { step, revision, corpus } = data.runs[run];
  const which = step === null ? revision : `step ${count(step)}`;
  return data.corpora.length > 1 ? `${which} · ${corpusChoices(data)[corpus].label}` : which;
}

function compareCaption(data, { runs: [a, b], metric, scope }) {
  return `A ${runName(data, a)} and B ${runName(data, b)}: ${data.metrics[metric].title} (${data.metrics[metric].name}), ${scopeChoices(data)[scope].label}.`;
}

/** Warns of what makes two runs incomparable. */
function compareNote(data, { runs }) {
  const [a, b] = runs.map((run) => data.runs[run]);
  const words = { corpus: "texts", tokens: "numbers of tokens", window_size: "windows", sample_size: "samples", dtype: "precisions" };
  const differing = Object.keys(words).filter((key) => a[key] !== b[key]).map((key) => words[key]);
  return differing.length ? `A and B were measured with different ${differing.join(", ")}: part of the difference is theirs.` : "";
}

function sideSeries(data, { metric, scope }, run, side) {
  const place = data.modelOf[run];
  const both = data.models[place].kind === "encoder-decoder";
  return [...stacksOf(data, metric, place, false)].map(([stack, states], order) => ({
    label: `${side ? "B" : "A"}: ${runName(data, run)}${both ? ` · ${stack}` : ""}`,
    look: lookOf(side + 2 * order),
    points: states.map((state) => {
      const key = { metric, run, state, scope };
      return pointOf(data, key, cellOf(data, key), "depth");
    }),
  }));
}

/** For each metric the means of both, their difference, and the largest gap at equal depth. */
function compareRows(data, view) {
  return data.metrics.flatMap((metric, place) => {
    // The number of a coordinate has no mean.
    if (metric.unit === "index") return [];
    const [a, b] = view.runs.map((run, side) => depthValues(data, { ...view, metric: place }, run, side));
    if (!a.length && !b.length) return [];
    const means = [a, b].map((points) => (points.length ? mean(points.map(([, value]) => value)) : null));
    const highest = [a, b].map((points) => (points.length ? Math.max(...points.map(([, value]) => value)) : null));
    const [gap, depth] = largestGap(a, b);
    return [{
      place,
      metric: metric.name,
      unit: metric.unit,
      a: means[0],
      b: means[1],
      difference: means[0] === null || means[1] === null ? null : means[1] - means[0],
      a_highest: highest[0],
      b_highest: highest[1],
      gap,
      gap_depth: depth,
    }];
  });
}

/** Values over the blocks as [depth, value], in order of depth. */
function depthValues(data, view, run, side) {
  const states = data.models[data.modelOf[run]].states;
  return sideSeries(data, view, run, side)
    .flatMap(({ points }) => points)
    .filter((point) => point.cell.status === "value" && states[point.state].site === "block")
    .map((point) => [point.x, point.cell.value])
    .sort((left, right) => left[0] - right[0]);
}

/** The largest B − A, with A's values drawn out between its depths. */
function largestGap(a, b) {
  let found = [null, null];
  if (a.length < 2) return found;
  for (const [depth, value] of b) {
    const gap = value - interpolate(a, depth);
    if (found[0] === null || Math.abs(gap) > Math.abs(found[0])) found = [gap, depth];
  }
  return found;
}

function interpolate(points, depth) {
  const after = points.findIndex(([place]) => place >= depth);
  if (after === 0) return points[0][1];
  if (after < 0) return points.at(-1)[1];
  const [[x0, y0], [x1, y1]] = [points[after - 1], points[after]];
  return x1 === x0 ? y1 : y0 + ((depth - x0) / (x1 - x0)) * (y1 - y0);
}
