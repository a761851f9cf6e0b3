// Two checkpoints side by side: one chart of both, and every metric's difference.

/** @param {Data} data @param {Element} host */
function compareView(data, host) {
  const [a, b] = firstSides(data);
  const view = { metric: firstMetric(data), scope: 0, a, b };
  const codecs = codecsOf(data);
  const save = addressed("compare", view, { metric: codecs.metric, scope: codecs.scope, a: codecs.run, b: codecs.run });
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
    ["a", "b"].map((side) => sidePicker(data, side.toUpperCase(), view[side], set(side))),
    select("Metric", metricChoices(data), view.metric, set("metric")).element,
    select("Tokens counted", scopeChoices(data), view.scope, set("scope")).element,
  );

  function draw() {
    save();
    const asked = { ...view, runs: [view.a, view.b] };
    const caption = compareCaption(data, view);
    const differences = differencesOf(data, asked);
    const sure = differences.some(({ mean: average }) => average.differs !== null);
    notes.textContent = [sidesNote(data, asked.runs), sure ? errorsNote(data, asked.runs) : "", metricNote(data, view.metric)].join(" ").trim();
    const series = ["a", "b"].flatMap((side) => sideSeries(data, view, side));
    if (series.length) {
      const marked = differences.flatMap(({ layers }) => layers.filter(({ differs }) => differs).map(markOf));
      drawLines(canvas, {
        title: differenceWords(data, view.metric, differences),
        caption,
        description: `Line chart: ${caption} Arrow keys go from value to value.`,
        filename: `compare-${data.metrics[view.metric].name}`,
        xTitle: "Relative depth (layer / number of layers)",
        metric: data.metrics[view.metric],
        series,
        direct: true,
        named: series,
        marked,
        legend: marked.length ? [markedEntry()] : [],
        log: false,
        xScale: (range) => evenScale([0, 1], range),
        pick: (point) => panel.tell({ ...point, metric: view.metric }),
      });
    } else {
      canvas.replaceChildren(el("p", { class: "empty" }, "Neither has this metric."));
    }
    const rows = compareRows(data, asked);
    table.replaceChildren(
      folded(`All metrics of A and B (${plural(rows.length, "row")}; ${verdictWords(rows)})`, () =>
        makeTable({
          caption: `A and B over all metrics, ${scopeChoices(data)[view.scope].label}: means over the blocks and peaks`,
          columns: compareColumns(rows),
          rows,
          filename: "compare.csv",
          pageSize: 100,
          pick: (row) => {
            panel.tell(...asked.runs.map((run, side) => rowSelection(row, run, side, view.scope)));
            panel.element.scrollIntoView({ block: "nearest" });
            announce(`Provenance of ${row.metric} in A and B is shown above the table.`);
          },
          pickName: (row) => row.metric,
        }),
      ),
    );
  }

  host.replaceChildren(canvas, notes, controls, panel.element, table);
  draw();
  return draw;
}

function compareCaption(data, { a, b, metric, scope }) {
  return `A ${runName(data, a)} and B ${runName(data, b)}: ${data.metrics[metric].title} (${data.metrics[metric].name}), ${scopeChoices(data)[scope].label}.`;
}

function markedEntry() {
  const mark = el("span", { "aria-hidden": "true" }, "▲");
  return el("li", { class: "marked-entry" }, mark, "A and B differ: the 95 % interval of B − A leaves out 0");
}

function markOf({ depth, difference, low, high }) {
  return { x: depth, label: `depth ${show(depth)}: B − A ${show(difference)}, 95 % interval ${show(low)} to ${show(high)}` };
}

/** Of how many means it is known whether they differ: what has no errors is not the same. */
function verdictWords(rows) {
  const known = rows.filter(({ differs }) => differs !== "unknown");
  const differing = known.filter(({ differs }) => differs === "yes").length;
  const without = rows.length - known.length;
  if (!known.length) return "none has errors to tell whether A and B differ";
  if (!without) return `${count(differing)} differ`;
  return `${count(differing)} of the ${count(known.length)} with errors differ; ${count(without)} have none`;
}

/** "B's mean over the blocks is 0.1 lower than A's (95 % interval …): more than errors explain." */
function differenceWords(data, metric, differences) {
  if (!differences.length) return "";
  const each = differences.map(({ name: stack, mean: { difference, low, high, differs } }) => {
    if (Number.isNaN(difference)) return "";
    const how = difference === 0 ? "as high as A's" : `${brief(Math.abs(difference))} ${difference > 0 ? "higher" : "lower"} than A's`;
    const ends = ` (95 % interval of B − A ${brief(low)} to ${brief(high)})`;
    const verdict = differs ? "they differ" : "no clear difference";
    const sure = differs === null ? "; without errors it is not known whether they differ" : `${ends}: ${verdict}`;
    return `B's mean over the blocks${differences.length > 1 ? ` of the ${stack}` : ""} is ${how}${sure}.`;
  });
  return `${data.metrics[metric].title}: ${each.filter(Boolean).join(" ")}`;
}

/** Says how errors were taken, as the command does. */
function errorsNote(data, runs) {
  const [a, b] = runs.map((run) => data.runs[run]);
  const same = a.token_ids_sha256 === b.token_ids_sha256 && a.window_size === b.window_size;
  const has = data.paired.some((one) => [one.a, one.b].every((run) => runs.includes(run)));
  if (has) {
    return (
      "Both read the same tokens, so errors are paired where column errors says so: those of the " +
      "differences window by window."
    );
  }
  if (!same) return "Errors are taken as independent: the two did not read the same tokens.";
  return (
    "Both read the same tokens, but errors are taken as independent here, so intervals are wider " +
    "than necessary; embstore compare has the paired ones."
  );
}

function sideSeries(data, { metric, scope, ...runs }, side) {
  return runSeries(data, { metric, run: runs[side], choice: String(scope), axis: "depth", after: false }).map((one, stack) => ({
    ...one,
    label: `${side.toUpperCase()}: ${one.label}`,
    short: `${side.toUpperCase()}: ${ofOneModel(data, runs) ? checkpointWords(data, runs[side], false) : one.short}`,
    look: sideLook(data, runs, side, stack),
  }));
}

function ofOneModel(data, { a, b }) {
  return data.modelOf[a] === data.modelOf[b];
}

/** Models keep their looks; two checkpoints of one model have the colours of the training. */
function sideLook(data, { a, b }, side, stack) {
  const [run, other] = side === "b" ? [b, a] : [a, b];
  if (!ofOneModel(data, { a, b })) return modelLook(data, data.modelOf[run], stack);
  const [own, far] = [run, other].map((one) => shareOfTraining(data, one));
  // Two that are near each other could not be told apart.
  const share = Math.abs(own - far) < LEAST_APART ? Number(run > other) : own;
  return { ...orderedLook(share), mark: MARKS[(side === "b") + 2 * stack] };
}

const LEAST_APART = 0.25;

/** Where a run comes among its model's checkpoints over its text, from 0 to 1. */
function shareOfTraining(data, run) {
  const every = runsOf(data, data.modelOf[run], runOf(data, run).corpus);
  return every.indexOf(run) / Math.max(every.length - 1, 1);
}

/** In the order of the command: first what a reader asks for. */
function compareColumns(rows) {
  const stacks = new Set(rows.map(({ stack }) => stack));
  return [
    { key: "metric", label: "Metric" },
    { key: "stack", label: "Stack", hidden: stacks.size < 2 },
    { key: "unit", label: "Unit", hidden: true },
    { key: "difference", label: "B − A" },
    { key: "differs", label: "Differs" },
    { key: "a", label: "A, mean" },
    { key: "b", label: "B, mean" },
    { key: "ci_low", label: "Interval from" },
    { key: "ci_high", label: "to" },
    { key: "errors", label: "Errors" },
    { key: "a_peak", label: "A, peak" },
    { key: "b_peak", label: "B, peak" },
    { key: "gap", label: "Largest gap" },
    { key: "gap_depth", label: "at depth" },
  ];
}

/** What a row says about one side, shown with its provenance. */
function rowSelection(row, run, side, scope) {
  const [average, peak] = side ? [row.b, row.b_peak] : [row.a, row.a_peak];
  return { run, metric: row.place, scope, over: `mean ${show(average)}, peak of any layer ${show(peak)}` };
}

/** For each metric and stack the means of both, their difference, the peaks and the largest gap. */
function compareRows(data, view) {
  return data.metrics.flatMap((metric, place) => {
    // The number of a coordinate has no mean.
    if (metric.unit === "index") return [];
    return differencesOf(data, { ...view, metric: place }).map(({ name: stack, layers, mean: average, peak }) => {
      const gaps = layers.filter(({ depth, difference }) => !Number.isNaN(difference) && !(metric.neighbor && depth === 0));
      const gap = gaps.reduce((top, one) => (Math.abs(one.difference) > Math.abs(top?.difference ?? 0) ? one : top), gaps[0]);
      return {
        place,
        metric: metric.name,
        stack,
        unit: metric.unit,
        a: average.a,
        b: average.b,
        difference: average.difference,
        ci_low: average.low,
        ci_high: average.high,
        differs: average.differs === null ? "unknown" : average.differs ? "yes" : "no",
        errors: average.differs === null ? "" : average.errors,
        a_peak: peak.a,
        b_peak: peak.b,
        gap: gap?.difference ?? null,
        gap_depth: gap?.depth ?? null,
      };
    });
  });
}
