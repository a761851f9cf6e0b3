// What spectra and dimensions by scale share: a model's layers as lines of one chart.

/**
 * @typedef {{bundle: Bundle, noun: string, metric: object, xTitle: (view: object) => string,
 *   caption: (words: string, view: object) => string, controls: (set: Function, view: object) => Element[],
 *   pointsOf: (line: Line, view: object) => object[], note: (lines: Line[]) => string,
 *   xScale: (view: object, points: object[], range: number[]) => Scale,
 *   columns: object[], rowOf: (point: object) => object, filename: string,
 *   logOf: (view: object) => boolean}} Layered
 */

/**
 * Fills a section with a chart of some layers of one model, their numbers and provenance.
 * @param {Data} data @param {Element} host @param {Layered} kind
 */
function layersView(data, host, kind) {
  if (!kind.bundle.lines.size) {
    host.replaceChildren(el("p", { class: "empty" }, `The last checkpoints here have no ${kind.noun}.`));
    return () => {};
  }
  const first = kind.bundle.lines.values().next().value;
  const view = { model: data.modelOf[first.run], scope: 0, corpus: data.runs[first.run].corpus, states: new Set() };
  const canvas = el("div", { class: "chart" });
  const notes = el("p", { class: "note" });
  const table = el("div");
  const panel = provenancePanel(data);
  const layers = el("div");
  const changed = () => {
    draw();
    announce(`${kind.noun[0].toUpperCase()}${kind.noun.slice(1)}: ${captionNow()}`);
  };
  const set = (key, convert) => (value) => {
    view[key] = convert(value);
    changed();
  };
  const renew = () => {
    view.states = someLayers(data, kind.bundle, view);
    const model = data.models[view.model];
    const items = model.states.map((_, value) => ({ value, label: stateName(model, value) }));
    layers.replaceChildren(
      picker({ noun: "layer", items, filtered: false, short: true }, view.states, () => {
        draw();
        announce(`${plural(view.states.size, "layer")} chosen.`);
      }),
    );
  };
  const corpora = select("Text", corpusChoices(data), view.corpus, (value) => {
    view.corpus = Number(value);
    renew();
    changed();
  });
  const controls = el(
    "div",
    { class: "controls" },
    select("Model", modelChoices(data), view.model, (value) => {
      view.model = Number(value);
      if (lastOver(data, view.model, view.corpus) === undefined) {
        view.corpus = corpusOf(data, view.model);
        corpora.field.value = String(view.corpus);
      }
      renew();
      changed();
    }).element,
    select("Tokens counted", scopeChoices(data), view.scope, set("scope", Number)).element,
    corpora.element,
    kind.controls(set, view),
  );

  function captionNow() {
    const run = lastOver(data, view.model, view.corpus);
    const who = run === undefined ? data.models[view.model].label : runName(data, run);
    const words = `${scopeChoices(data)[view.scope].label}, over ${corpusChoices(data)[view.corpus].label}.`;
    return `${who}: ${kind.caption(words, view)}`;
  }

  function draw() {
    const run = lastOver(data, view.model, view.corpus);
    const model = data.models[view.model];
    const chosen = [...view.states].sort((a, b) => a - b);
    const found = chosen.map((state) => [state, lineOf(kind.bundle, { ...view, run, state })]);
    const lines = found.filter(([, line]) => line).map(([, line]) => line);
    const without = found.filter(([, line]) => !line).map(([state]) => stateName(model, state));
    notes.textContent = [
      kind.note(lines, view),
      lines.length && without.length ? `Not measured for ${without.join(", ")}.` : "",
    ].join(" ").trim();
    if (!lines.length) {
      canvas.replaceChildren(el("p", { class: "empty" }, "Nothing was measured for this choice of model, text, tokens and layers."));
      table.replaceChildren();
      return;
    }
    const series = lines.map((line, place) => {
      const where = stateName(model, line.state);
      const points = kind.pointsOf(line, view).map((point) => ({ ...point, run, state: line.state, joined: true }));
      return { label: where, look: lookOf(place), points };
    });
    const shown = series.map((one) => ({ ...one, points: one.points.filter((point) => Number.isFinite(point.x)) }));
    const caption = captionNow();
    const tell = (point) => panel.tell({
      run,
      facts: [
        [kind.metric.title, valueWords(point.cell, kind.metric.unit)],
        ["At", point.where],
        ["Hidden state", stateName(model, point.state)],
        ["Tokens counted", scopeChoices(data)[view.scope].label],
      ],
    });
    drawLines(canvas, {
      caption,
      description: `Line chart: ${caption} Arrow keys go from value to value.`,
      xTitle: kind.xTitle(view),
      metric: kind.metric,
      series: shown,
      log: kind.logOf(view),
      xScale: (range) => kind.xScale(view, shown.flatMap(({ points }) => points), range),
      pick: tell,
    });
    const rows = series.flatMap(({ points }) => points.map((point) => layerRow(data, view, point, kind)));
    table.replaceChildren(
      folded(`The numbers as a table (${plural(rows.length, "row")})`, () =>
        makeTable({
          caption,
          columns: [...LAYER_COLUMNS, ...kind.columns, { key: "status", label: "Status" }, { key: "run_id", label: "Run", hidden: true }],
          rows,
          filename: kind.filename,
          pick: (row) => tell(row.point),
          pickName: (row) => `layer ${row.layer}, rank ${row.rank}`,
        }),
      ),
    );
  }

  renew();
  host.replaceChildren(controls, layers, notes, canvas, panel.element, table);
  draw();
  return draw;
}

const LAYER_COLUMNS = [
  { key: "model", label: "Model", name: true },
  { key: "revision", label: "Revision", name: true },
  { key: "step", label: "Step", hidden: true },
  { key: "stack", label: "Stack" },
  { key: "layer", label: "Layer" },
  { key: "site", label: "Site" },
  { key: "depth", label: "Depth" },
  { key: "scope", label: "Scope", hidden: true },
  { key: "rank", label: "Rank" },
];

function layerRow(data, view, point, kind) {
  const model = data.models[view.model];
  const { stack, layer, site, depth } = model.states[point.state];
  return {
    model: model.label,
    revision: data.runs[point.run].revision,
    step: data.runs[point.run].step,
    stack,
    layer,
    site,
    depth,
    scope: data.scopes[view.scope],
    rank: point.rank,
    ...kind.rowOf(point),
    status: point.cell.status === "value" ? "measured" : STATUS_WORDS[point.cell.status],
    run_id: data.runs[point.run].run_id,
    point,
  };
}

/** Some layers to begin with: of each stack the first, middle and last block. */
function someLayers(data, bundle, { model, corpus, scope }) {
  const run = lastOver(data, model, corpus);
  const { states } = data.models[model];
  const chosen = new Set();
  for (const stack of new Set(states.map((state) => state.stack))) {
    const blocks = states
      .map((_, place) => place)
      .filter((place) => states[place].stack === stack && states[place].site === "block")
      .filter((state) => lineOf(bundle, { run, scope, state }));
    for (const place of [0, Math.floor((blocks.length - 1) / 2), blocks.length - 1]) {
      if (blocks[place] !== undefined) chosen.add(blocks[place]);
    }
  }
  return chosen;
}
