// The profiles: a metric over the depth of each model.

/** @param {Data} data @param {Element} host */
function profilesView(data, host) {
  const view = {
    metric: 0,
    scope: 0,
    corpus: commonCorpus(data),
    checkpoint: "last",
    axis: "depth",
    log: false,
    after: false,
    models: firstModels(data),
  };
  const canvas = el("div", { class: "chart" });
  const notes = el("p", { class: "note" });
  const table = el("div");
  const panel = provenancePanel(data);
  const set = (key, convert) => (value) => {
    view[key] = convert(value);
    draw();
    announce(`Profiles: ${captionOf(data, view)}`);
  };
  const checkpoint = () =>
    select("Checkpoint", checkpointChoices(data, view.corpus), view.checkpoint, set("checkpoint", String)).element;
  let checkpoints = checkpoint();
  const controls = el(
    "div",
    { class: "controls" },
    select("Metric", metricChoices(data), view.metric, set("metric", Number)).element,
    select("Tokens counted", scopeChoices(data), view.scope, set("scope", Number)).element,
    select("Text", corpusChoices(data), view.corpus, (value) => {
      view.checkpoint = "last";
      set("corpus", Number)(value);
      const renewed = checkpoint();
      checkpoints.replaceWith(renewed);
      checkpoints = renewed;
    }).element,
    checkpoints,
    select(
      "Across",
      [{ value: "depth", label: "relative depth" }, { value: "layer", label: "layer" }],
      view.axis,
      set("axis", String),
    ).element,
    checkbox("Logarithmic values", view.log, set("log", Boolean)).element,
    checkbox("Also after the final norm", view.after, set("after", Boolean)).element,
  );

  function draw() {
    const { series, rows, without } = profileSeries(data, view);
    notes.textContent = [
      metricNote(data, view.metric),
      without.length ? `Without such a checkpoint: ${without.join(", ")}.` : "",
    ].join(" ").trim();
    const caption = captionOf(data, view);
    if (series.length) {
      drawLines(canvas, {
        caption,
        description: `Line chart: ${caption} Arrow keys go from value to value.`,
        xTitle: view.axis === "depth" ? "Relative depth (layer / number of layers)" : "Layer",
        metric: data.metrics[view.metric],
        series,
        log: view.log,
        xScale: (range) => profileScale(view.axis, series, range),
        pick: (point) => panel.tell({ ...point, metric: view.metric, scope: view.scope }),
      });
    } else {
      canvas.replaceChildren(el("p", { class: "empty" }, "Nothing was measured for this choice of models, text and metric."));
    }
    const filename = `profiles-${data.metrics[view.metric].name}.csv`;
    table.replaceChildren(numbersTable(data, caption, filename, rows, panel.tell));
  }

  host.replaceChildren(
    controls,
    modelPicker(data, view.models, () => {
      draw();
      announce(`${plural(view.models.size, "model")} chosen.`);
    }),
    notes,
    canvas,
    panel.element,
    table,
  );
  draw();
  return draw;
}

function profileScale(axis, series, range) {
  if (axis === "depth") return evenScale([0, 1], range);
  const last = Math.max(1, ...series.flatMap(({ points }) => points.map((point) => point.x)));
  const scale = evenScale([0, last], range, 8);
  scale.ticks = scale.ticks.filter(Number.isInteger);
  return scale;
}

function captionOf(data, { metric, scope, corpus, checkpoint }) {
  const which = checkpointChoices(data, corpus).find((choice) => choice.value === checkpoint)?.label ?? "";
  const text = corpusChoices(data)[corpus].label;
  return `${data.metrics[metric].title} (${data.metrics[metric].name}), ${scopeChoices(data)[scope].label}, over ${text}. Checkpoints: ${which.toLowerCase()}.`;
}

/** One series per model and stack, with the rows of their table. */
function profileSeries(data, { metric, scope, corpus, checkpoint, axis, after, models }) {
  const series = [];
  const rows = [];
  const without = [];
  for (const place of [...models].sort((a, b) => a - b)) {
    const run = chosenRun(data, place, corpus, checkpoint);
    if (run === undefined) {
      without.push(data.models[place].label);
      continue;
    }
    for (const [stack, states] of stacksOf(data, metric, place, after)) {
      const points = states.map((state) => {
        const key = { metric, run, state, scope };
        const cell = cellOf(data, key);
        rows.push(numberRow(data, key, cell));
        return pointOf(data, key, cell, axis);
      });
      const both = data.models[place].kind === "encoder-decoder";
      const label = `${runName(data, run)}${both ? ` · ${stack}` : ""}`;
      if (points.length) series.push({ label, look: lookOf(series.length), points });
    }
  }
  return { series, rows, without };
}

/** A model's measured states by stack. */
function stacksOf(data, metric, place, after) {
  const stacks = new Map();
  for (const state of statesOf(data, metric, place)) {
    const { stack, site } = data.models[place].states[state];
    if (site === "final_norm" && !after) continue;
    stacks.set(stack, [...(stacks.get(stack) ?? []), state]);
  }
  return stacks;
}

function pointOf(data, { run, state }, cell, axis) {
  const model = data.models[data.modelOf[run]];
  const { site, layer, depth } = model.states[state];
  return {
    x: axis === "layer" ? layer : depth,
    cell,
    joined: site !== "final_norm",
    where: stateName(model, state),
    run,
    state,
  };
}
