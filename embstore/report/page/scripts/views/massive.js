// Massive activations: the largest coordinates of every layer, and the tokens they belong to.

const TIMES = { title: "Times the layer's median", unit: "1", upper: "inf" };
// Of the coordinates that lead some layer.
const MOST_COORDINATES = 6;

const MASSIVE_COLUMNS = [
  { key: "model", label: "Model", name: true },
  { key: "revision", label: "Revision", name: true },
  { key: "text", label: "Text", hidden: true },
  { key: "stack", label: "Stack" },
  { key: "layer", label: "Layer" },
  { key: "site", label: "Site" },
  { key: "rank", label: "Rank" },
  { key: "coordinate", label: "Coordinate" },
  { key: "value", label: "Value" },
  { key: "ratio", label: "Times the median", missing: "not measured" },
  { key: "token", label: "Token", name: true },
  { key: "token_id", label: "Token id", hidden: true },
  { key: "window_index", label: "Window" },
  { key: "position", label: "Position" },
  { key: "run_id", label: "Run", hidden: true },
];

/** What the caption of one model's table says already, or is the same in all its rows. */
function toldOnce(model, after) {
  const known = ["model", "revision"];
  if (model.kind !== "encoder-decoder") known.push("stack");
  if (!after) known.push("site");
  return new Set(known);
}

/** @param {Data} data @param {Element} host */
function massiveView(data, host) {
  const most = data.massive.reduce((top, row) => ((row.ratio ?? 0) > (top.ratio ?? 0) ? row : top));
  const view = { model: data.modelOf[most.run], corpus: data.runs[most.run].corpus, after: false };
  const codecs = codecsOf(data);
  const save = addressed("massive", view, { model: codecs.model, corpus: codecs.corpus, after: yesOrNo() });
  const canvas = el("div", { class: "chart" });
  const table = el("div");
  const panel = provenancePanel(data);
  const corpora = select("Text", corpusChoices(data), view.corpus, (value) => {
    view.corpus = Number(value);
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
      changed();
    }) ?? "",
    data.corpora.length > 1 ? corpora.element : "",
    checkbox("Also after the final norm", view.after, (value) => {
      view.after = value;
      changed();
    }).element,
  );
  const tell = (row) => panel.tell({ run: row.run, facts: massiveFacts(data, row) });

  function captionNow() {
    const run = lastOver(data, view.model, view.corpus);
    const who = run === undefined ? data.models[view.model].label : runName(data, run);
    return `${who}: the largest coordinates of every layer, all tokens, over ${corpusChoices(data)[view.corpus].label}.`;
  }

  function draw() {
    save();
    const run = lastOver(data, view.model, view.corpus);
    const { states } = data.models[view.model];
    const rows = data.massive.filter((row) => row.run === run && (view.after || states[row.state].site !== "final_norm"));
    if (!rows.length) {
      canvas.replaceChildren(el("p", { class: "empty" }, "Nothing was measured for this choice of model and text."));
      table.replaceChildren(everyRow());
      return;
    }
    drawLeaders(data, canvas, view, rows, captionNow(), tell);
    const own = () => massiveTable(data, captionNow(), "massive-activations.csv", rows, tell, toldOnce(data.models[view.model], view.after));
    table.replaceChildren(folded(`The numbers as a table (${plural(rows.length, "row")})`, own), everyRow());
  }

  function everyRow() {
    if (data.models.length === 1) return "";
    return folded(`Every model as one table (${plural(data.massive.length, "row")})`, () =>
      massiveTable(data, "The largest coordinates of every layer, every model", "massive-activations-all.csv", data.massive, tell),
    );
  }

  function changed() {
    draw();
    announce(`Massive activations: ${captionNow()}`);
  }

  host.replaceChildren(canvas, controls, foldsOf(host, table), panel.element);
  draw();
  return draw;
}

function massiveTable(data, caption, filename, rows, tell, known = new Set()) {
  return makeTable({
    caption,
    columns: MASSIVE_COLUMNS.map((column) => (known.has(column.key) ? { ...column, hidden: true } : column)),
    rows: rows.map((row) => massiveRow(data, row)),
    filename,
    filter: true,
    pick: (row) => tell(row.row),
    pickName: (row) => `${row.model}, layer ${row.layer}, rank ${row.rank}`,
  });
}

function massiveRow(data, row) {
  const model = data.models[data.modelOf[row.run]];
  const { stack, layer, site } = model.states[row.state];
  const { revision, corpus, run_id } = data.runs[row.run];
  return {
    ...row,
    model: model.label,
    revision,
    text: corpusChoices(data)[corpus].label,
    stack,
    layer,
    site,
    token: tokenWords(row),
    run_id,
    row,
  };
}

/** A token as the store has it, in quotes; its number where the tokenizer gave no text. */
function tokenWords({ token, token_id }) {
  return token ?? `number ${token_id}`;
}

function massiveFacts(data, row) {
  const model = data.models[data.modelOf[row.run]];
  return [
    ["Value", show(row.value)],
    ["Times the layer's median", row.ratio === null ? "not measured" : show(row.ratio)],
    ["Coordinate", `${row.coordinate}, number ${row.rank} of the layer by size`],
    ["Token", `${tokenWords(row)} (id ${row.token_id}), position ${row.position} of window ${row.window_index}`],
    ["Hidden state", stateName(model, row.state)],
  ];
}

/** The largest value of each coordinate that leads a layer, over the layers. */
function drawLeaders(data, host, view, rows, caption, tell) {
  const model = data.models[view.model];
  const sized = rows.filter((row) => row.ratio !== null && row.ratio > 0);
  const tops = new Map();
  for (const row of sized) {
    const key = `${model.states[row.state].stack} ${row.coordinate}`;
    const mine = tops.get(key) ?? new Map();
    if (!mine.has(row.state) || row.ratio > mine.get(row.state).ratio) mine.set(row.state, row);
    tops.set(key, mine);
  }
  const leaders = [...tops.entries()]
    .filter(([, mine]) => [...mine.values()].some((row) => row.rank === 1))
    .map(([key, mine]) => [key, mine, Math.max(...[...mine.values()].map((row) => row.ratio))])
    .sort((a, b) => b[2] - a[2])
    .slice(0, MOST_COORDINATES);
  if (!leaders.length) {
    host.replaceChildren(el("p", { class: "empty" }, "Without the metric massive_ratio there is no median to compare with; the table has the values."));
    return;
  }
  const both = model.kind === "encoder-decoder";
  const series = leaders.map(([key, mine], order) => {
    const [stack, coordinate] = key.split(" ");
    const found = [...mine.values()].sort((a, b) => a.state - b.state);
    return {
      label: `${both ? `${stack} · ` : ""}coordinate ${coordinate}`,
      look: otherLook(order),
      points: found.map((row, place) => ({
        x: model.states[row.state].layer,
        cell: { status: "value", value: row.ratio, low: NaN, high: NaN },
        joined: model.states[row.state].site !== "final_norm",
        // Another coordinate is among the largest in between.
        begins: place > 0 && found[place - 1].state < row.state - 1,
        where: `${stateName(model, row.state)}, token ${tokenWords(row)} at position ${row.position}`,
        row,
      })),
    };
  });
  const ranks = Math.max(...rows.map((row) => row.rank));
  const [first] = series;
  const top = first.points.reduce((best, point) => (point.cell.value > best.cell.value ? point : best));
  const who = first.label[0].toUpperCase() + first.label.slice(1);
  const where = withArticle(stateName(model, top.row.state));
  drawLines(host, {
    title: isFlat(extent(first.points.map(({ cell }) => cell.value))) && first.points.length > 1
      ? `${who} is ${brief(top.cell.value)} times the median of its layer in ${plural(first.points.length, "layer")}.`
      : `${who} is up to ${brief(top.cell.value)} times the median of its layer, in ${where}.`,
    direct: true,
    filename: "massive-activations",
    caption: `${caption} A line goes on while its coordinate is among the ${count(ranks)} largest; values are spaced by their logarithm.`,
    description: `Line chart: ${caption} Arrow keys go from value to value.`,
    xTitle: "Layer",
    metric: TIMES,
    series,
    log: true,
    xScale: (range) => profileScale("layer", series, range),
    pick: (point) => tell(point.row),
  });
}
