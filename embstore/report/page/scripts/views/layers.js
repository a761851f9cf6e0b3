// What spectra and dimensions by scale share: a model's layers as lines of one chart.

/**
 * @typedef {{section: string, bundle: Bundle, noun: string, metric: object, xTitle: (view: object) => string,
 *   caption: (words: string, view: object) => string, title: (lines: Line[], view: object) => string,
 *   choices: object, codecs: Object<string, Codec>, controls: (set: Function, view: object) => Element[],
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
  const first = kind.bundle.lines.values().next().value;
  const view = { model: data.modelOf[first.run], scope: 0, corpus: data.runs[first.run].corpus, ...kind.choices };
  const most = Math.max(...data.models.map(({ states }) => states.length));
  const place = wholeNumber(0, most - 1);
  const codecs = codecsOf(data);
  // Which layers to begin with depends on the model, so the address is asked for that first.
  const saveModel = addressed(kind.section, view, { model: codecs.model, scope: codecs.scope, corpus: codecs.corpus, ...kind.codecs });
  Object.assign(view, someLayers(data, kind.bundle, view));
  const saveLayers = addressed(kind.section, view, { from: place, to: place, every: wholeNumber(1, most) });
  const save = () => {
    saveModel();
    saveLayers();
  };
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
  const offer = () => {
    const model = data.models[view.model];
    const last = model.states.length - 1;
    view.to = Math.min(view.to, last);
    view.from = Math.min(view.from, view.to);
    layers.replaceChildren(
      rangePicker({ noun: "layer", words: (state) => stateName(model, state), last }, view, () => {
        draw();
        announce(`${plural(placesOf(view).length, "layer")} chosen.`);
      }),
    );
  };
  const renew = () => {
    Object.assign(view, someLayers(data, kind.bundle, view));
    offer();
  };
  const corpora = select("Text", corpusChoices(data), view.corpus, (value) => {
    view.corpus = Number(value);
    renew();
    changed();
  });
  const controls = el(
    "div",
    { class: "controls" },
    selectAmong("Model", modelChoices(data), view.model, (value) => {
      view.model = Number(value);
      if (lastOver(data, view.model, view.corpus) === undefined) {
        view.corpus = corpusOf(data, view.model);
        corpora.field.value = String(view.corpus);
      }
      renew();
      changed();
    }) ?? "",
    select("Tokens counted", scopeChoices(data), view.scope, set("scope", Number)).element,
    data.corpora.length > 1 ? corpora.element : "",
    kind.controls(set, view),
  );

  function captionNow() {
    const run = lastOver(data, view.model, view.corpus);
    const who = run === undefined ? data.models[view.model].label : runName(data, run);
    const words = `${scopeChoices(data)[view.scope].label}, over ${corpusChoices(data)[view.corpus].label}.`;
    return `${who}: ${kind.caption(words, view)}`;
  }

  function draw() {
    save();
    const run = lastOver(data, view.model, view.corpus);
    const model = data.models[view.model];
    const found = placesOf(view).map((state) => [state, lineOf(kind.bundle, { ...view, run, state })]);
    const lines = found.filter(([, line]) => line).map(([, line]) => line);
    const without = found.filter(([, line]) => !line).map(([state]) => stateName(model, state));
    notes.textContent = [
      kind.note(lines),
      lines.length && without.length ? `Not measured for ${without.join(", ")}.` : "",
    ].join(" ").trim();
    if (!lines.length) {
      canvas.replaceChildren(el("p", { class: "empty" }, "Nothing was measured for this choice of model, text, tokens and layers."));
      table.replaceChildren();
      return;
    }
    const last = Math.max(model.states.length - 1, 1);
    const series = lines.map((line) => {
      const where = stateName(model, line.state);
      const points = kind.pointsOf(line, view).map((point) => ({ ...point, run, state: line.state, joined: true }));
      return { label: where, short: where, look: orderedLook(line.state / last), points };
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
      title: kind.title(lines, view),
      direct: true,
      filename: kind.filename.replace(".csv", ""),
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

  offer();
  host.replaceChildren(canvas, notes, controls, layers, foldsOf(host, table), panel.element);
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

// Lines that a reader can still tell apart.
const FIRST_LINES = 5;

/** Some layers to begin with: from the first block to the last, at even distances. */
function someLayers(data, bundle, { model, corpus, scope }) {
  const run = lastOver(data, model, corpus);
  const { states } = data.models[model];
  const blocks = states.map((_, place) => place).filter((place) => states[place].site === "block");
  const measured = blocks.filter((state) => lineOf(bundle, { run, scope, state }));
  const [from, to] = extent(measured.length ? measured : blocks);
  return { from, to, every: Math.max(1, Math.ceil((to - from) / (FIRST_LINES - 1))) };
}
