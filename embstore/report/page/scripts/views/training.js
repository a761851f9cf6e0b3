// Training: a heat map of layer by checkpoint, and the blocks' values over the steps.

/** @param {Data} data @param {Element} host */
function trainingView(data, host) {
  const model = lineOfModel(data, longest(data));
  const view = { model, metric: firstMetric(data), scope: 0, corpus: corpusOf(data, model), log: false };
  const codecs = codecsOf(data);
  const save = addressed("training", view, {
    model: codecs.line,
    metric: codecs.metric,
    scope: codecs.scope,
    corpus: codecs.corpus,
    log: yesOrNo(),
  });
  const canvas = el("div", { class: "chart" });
  const course = el("div", { class: "chart" });
  const notes = el("p", { class: "note" });
  const table = el("div");
  const panel = provenancePanel(data);
  const set = (key, convert) => (value) => {
    view[key] = convert(value);
    draw();
    announce(`Heat map: ${trainingCaption(data, view)}`);
  };
  const corpora = select("Text", corpusChoices(data), view.corpus, set("corpus", Number));
  const controls = el(
    "div",
    { class: "controls" },
    selectAmong("Model", lineChoices(data), view.model, (value) => {
      view.corpus = corpusOf(data, Number(value));
      corpora.field.value = String(view.corpus);
      set("model", Number)(value);
    }) ?? "",
    select("Metric", metricChoices(data), view.metric, set("metric", Number)).element,
    select("Tokens counted", scopeChoices(data), view.scope, set("scope", Number)).element,
    data.corpora.length > 1 ? corpora.element : "",
    checkbox("Logarithmic colours", view.log, set("log", Boolean)).element,
  );

  function draw() {
    save();
    const { metric, scope, model: place, corpus } = view;
    const runs = runsOf(data, place, corpus);
    const states = statesOf(data, metric, place);
    notes.textContent = [
      metricNote(data, metric),
      seedsNote(data, runs),
      runs.length === 1 ? "Only one checkpoint of this model was measured over this text." : "",
    ].join(" ").trim();
    if (!runs.length || !states.length) {
      canvas.replaceChildren(el("p", { class: "empty" }, NOTHING_MEASURED));
      course.replaceChildren();
      table.replaceChildren();
      return;
    }
    const key = (row, column) => ({ metric, run: runs[column], state: states[row], scope });
    const cells = states.map((_, row) => runs.map((_, column) => cellOf(data, key(row, column))));
    const model = data.lines[place];
    const caption = trainingCaption(data, view);
    const names = { runs: runs.map((run) => runName(data, run)), states: states.map((state) => stateName(model, state)) };
    // First, for it asks how wide it may be, and a heat map of thousands of cells is slow to lay out.
    drawCourse(data, course, { ...view, runs, states, cells }, panel.tell);
    drawHeatmap(canvas, {
      title: highestCell(data, metric, { runs, states, cells }),
      caption,
      filename: `training-${data.metrics[metric].name}`,
      description: `Heat map: ${caption} Arrow keys go from cell to cell.`,
      metric: data.metrics[metric],
      log: view.log,
      rows: states.map((state) => ({ label: stateLabel(model, state), aside: model.states[state].site === "embedding" })),
      columns: runs.map((run) => ({ label: checkpointLabel(runOf(data, run)) })),
      cells,
      where: (row, column) => `${names.runs[column]}, ${names.states[row]}`,
      pick: (row, column) => panel.tell({ ...key(row, column), cell: cells[row][column] }),
    });
    const rows = () =>
      states.flatMap((_, row) => runs.map((_, column) => numberRow(data, key(row, column), cells[row][column])));
    const filename = `training-${data.metrics[metric].name}.csv`;
    table.replaceChildren(numbersTable(data, { caption, filename, n: states.length * runs.length, rows }, panel.tell));
  }

  host.replaceChildren(canvas, notes, controls, course, foldsOf(host, table), panel.element);
  draw();
  return draw;
}

/** The model with most checkpoints. */
function longest(data) {
  const lengths = data.models.map((model) => model.runs.length);
  return lengths.indexOf(Math.max(...lengths));
}

/** The text of a model's last run. */
function corpusOf(data, place) {
  return runOf(data, data.lines[place].newest[0]).corpus;
}

function trainingCaption(data, { model, metric, scope, corpus }) {
  const text = corpusChoices(data)[corpus].label;
  return `${data.lines[model].label}: ${data.metrics[metric].title} (${data.metrics[metric].name}) of every layer and checkpoint, ${scopeChoices(data)[scope].label}, over ${text}.`;
}

function checkpointLabel({ step, revision }) {
  if (step === null) return cut(revision, 12);
  return stepWords(step);
}

function stateLabel(model, state) {
  const { stack, layer, site } = model.states[state];
  const words = site === "final_norm" ? "norm" : String(layer);
  return model.kind === "encoder-decoder" ? `${stack.slice(0, 3)} ${words}` : words;
}

/** Lines of the highest, mean and lowest block over the steps; needs two steps. */
function drawCourse(data, host, chosen, tell) {
  const { runs, states, cells, metric, scope, model: place } = chosen;
  const steps = runs.map((run) => runOf(data, run).step);
  const stepped = runs.map((_, column) => column).filter((column) => steps[column] !== null);
  const blocks = states.map((_, row) => row).filter((row) => data.lines[place].states[states[row]].site === "block");
  const known = stepped.filter((column) => blocks.some((row) => cells[row][column].status === "value"));
  if (known.length < 2) {
    host.replaceChildren();
    return;
  }
  const group = isOfSeeds(data, runs[0]);
  const series = group
    ? courseOfSeeds(data, { ...chosen, steps, stepped, blocks })
    : courseOfBlocks(data, { ...chosen, steps, stepped, blocks });
  const of = group ? ", the median of some blocks over training" : " over training";
  const caption = `${data.lines[place].label}: ${data.metrics[metric].title}${of}, ${scopeChoices(data)[scope].label}. Steps are spaced by their logarithm.`;
  drawLines(host, {
    title: group ? "" : courseWords(series),
    direct: true,
    filename: `course-${data.metrics[metric].name}`,
    caption,
    description: `Line chart: ${caption} Arrow keys go from value to value.`,
    xTitle: "Training step",
    metric: data.metrics[metric],
    series,
    log: chosen.log,
    xScale: (range) => stepScale(known.map((column) => steps[column]), range),
    pick: (point) => tell({ ...point, metric, scope }),
  });
}

/** Where the mean over the blocks begins and ends. */
function courseWords([, { points }]) {
  const known = points.filter(({ cell }) => cell.status === "value");
  const [from, to] = [known[0], known.at(-1)];
  return `The mean over the blocks goes from ${brief(from.cell.value)} at ${from.where} to ${brief(to.cell.value)} at ${to.where}.`;
}

/** Some blocks of a group, from the first to the last: a median is of one layer, and of no extremes. */
function courseOfSeeds(data, { runs, states, cells, steps, stepped, blocks, model: place }) {
  const last = blocks.length - 1;
  const some = [...new Set([0, 1, 2, 3, 4].map((part) => blocks[Math.round((part * last) / 4)]))];
  return some.map((row) => {
    const label = stateName(data.lines[place], states[row]);
    return {
      label,
      look: orderedLook(blocks.indexOf(row) / Math.max(last, 1)),
      points: stepped.map((column) => ({
        x: steps[column],
        cell: cells[row][column],
        joined: true,
        where: `step ${count(steps[column])}`,
        run: runs[column],
        state: states[row],
      })),
    };
  });
}

/** The highest block, the mean over the blocks, and the lowest one. */
function courseOfBlocks(data, { runs, cells, steps, stepped, blocks, model: place }) {
  const measures = { "highest block": (v) => Math.max(...v), "mean over the blocks": mean, "lowest block": (v) => Math.min(...v) };
  return Object.entries(measures).map(([label, measure], order) => ({
    label,
    look: { ...modelLook(data, place), mark: MARKS[order] },
    points: stepped.map((column) => {
      const values = blocks.map((row) => cells[row][column]).filter((cell) => cell.status === "value").map((cell) => cell.value);
      const status = values.length ? "value" : cells[blocks[0]]?.[column].status ?? "absent";
      const cell = { status, value: values.length ? measure(values) : NaN, low: NaN, high: NaN };
      const where = `step ${count(steps[column])}`;
      return { x: steps[column], cell, joined: true, where, run: runs[column], state: null, over: label };
    }),
  }));
}

/** Where a heat map is highest, in the blocks of the trained checkpoints. */
function highestCell(data, metric, { runs, states, cells }) {
  let top = null;
  cells.forEach((row, place) => row.forEach((cell, column) => {
    if (runOf(data, runs[column]).untrained) return;
    const model = data.lines[data.modelOf[runs[column]]];
    if (model.states[states[place]].site !== "block" || cell.status !== "value") return;
    if (top && cell.value <= top.cell.value) return;
    top = { cell, where: `${stateName(model, states[place])} at ${checkpointWords(data, runs[column], false)}` };
  }));
  return top ? `${data.metrics[metric].title} is highest in ${top.where}: ${brief(top.cell.value)}.` : "";
}
