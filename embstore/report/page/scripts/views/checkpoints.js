// Checkpoints: all of one model as lines from the first colour to the last, and one of them in full.

/** @param {Data} data @param {Element} host */
function checkpointsView(data, host) {
  const model = lineOfModel(data, longest(data));
  const view = {
    model,
    metric: firstMetric(data),
    scope: overlaidChoices(data)[0].value,
    corpus: corpusOf(data, model),
    log: false,
    at: Infinity,
  };
  const headline = headlineOf(data, host, view);
  const codecs = codecsOf(data);
  const save = addressed("checkpoints", view, {
    model: codecs.line,
    metric: codecs.metric,
    scope: codecs.overlaid,
    corpus: codecs.corpus,
    log: yesOrNo(),
    at: wholeNumber(0, Math.max(...data.models.map(({ runs }) => runs.length)) - 1),
  });
  const canvas = el("div", { class: "chart" });
  const notes = el("p", { class: "note" });
  const panel = provenancePanel(data);
  const table = el("div");
  const runs = () => runsOf(data, view.model, view.corpus);
  const at = () => Math.min(view.at, runs().length - 1);
  const set = (key, convert) => (value) => {
    view[key] = convert(value);
    if (key === "model") view.corpus = corpusOf(data, view.model);
    if (key === "model" || key === "corpus") renew();
    draw();
    announce(`Checkpoints: ${caption()}`);
  };
  const corpora = el("div");
  const controls = el(
    "div",
    { class: "controls" },
    selectAmong("Model", lineChoices(data), view.model, set("model", Number)) ?? "",
    select("Metric", metricChoices(data), view.metric, set("metric", Number)).element,
    select("Tokens counted", overlaidChoices(data), view.scope, set("scope", String)).element,
    corpora,
    checkbox("Logarithmic values", view.log, set("log", Boolean)).element,
  );
  const played = el("div", { class: "controls player" });
  let stop = () => {};

  function renew() {
    stop();
    if (view.at >= runs().length) view.at = Infinity;
    corpora.replaceChildren(selectAmong("Text", corpusChoices(data), view.corpus, set("corpus", Number)) ?? "");
    stop = () => {};
    played.replaceChildren();
    if (!runs().length) return;
    const { elements, ...made } = player({
      label: "Checkpoint",
      last: runs().length - 1,
      at: at(),
      words: (place) => checkpointWords(data, runs()[place], false),
      go: (place) => {
        view.at = place;
        draw();
      },
      rest: () => announce(`Checkpoints: ${caption()}`),
    });
    stop = made.stop;
    played.replaceChildren(...elements);
  }

  function caption() {
    const counted = overlaidChoices(data).find((choice) => choice.value === view.scope).label;
    const { title, name: key } = data.metrics[view.metric];
    const text = corpusChoices(data)[view.corpus].label;
    if (!runs().length) return `${data.lines[view.model].label} was not measured over ${text}.`;
    const which = `${runName(data, runs()[at()])}, among ${plural(runs().length, "checkpoint")}`;
    return `${which}: ${title} (${key}), ${counted}, over ${text}.`;
  }

  function draw() {
    save();
    const every = runs();
    notes.textContent = [metricNote(data, view.metric), seedsNote(data, every)].join(" ").trim();
    if (!every.length) {
      headline(NOTHING_MEASURED);
      canvas.replaceChildren(el("p", { class: "empty" }, NOTHING_MEASURED));
      table.replaceChildren();
      return;
    }
    const [scope] = scopesOf(data, view.scope);
    const shares = every.map((run) => shareOfTraining(data, run));
    const options = { metric: view.metric, axis: "layer", after: false };
    const backdrop = every.flatMap((run, place) =>
      runSeries(data, { ...options, run, choice: String(scope) }).map(({ points }) => ({ points, look: orderedLook(shares[place]) })),
    );
    const series = runSeries(data, { ...options, run: every[at()], choice: view.scope }).map((one) => ({
      ...one,
      strong: true,
      look: { ...one.look, ...orderedLook(shares[at()]), mark: one.look.mark, dash: one.look.dash },
    }));
    const found = highestWords(data, view.metric, series);
    drawLines(canvas, {
      title: headline(`${found}.`) ? "" : `${found}.`,
      caption: caption(),
      description: `Line chart: ${caption()} Arrow keys go from value to value.`,
      filename: `checkpoints-${data.metrics[view.metric].name}`,
      xTitle: "Layer",
      metric: data.metrics[view.metric],
      series,
      named: [],
      backdrop,
      legend: [
        ...scopeEntries(data, view.scope),
        rampEntry(checkpointWords(data, every[0], false), orderedPart, checkpointWords(data, every.at(-1), false)),
      ],
      log: view.log,
      xScale: (range) => profileScale("layer", series, range),
      pick: (point) => panel.tell({ ...point, metric: view.metric }),
    });
    const filename = `checkpoints-${data.metrics[view.metric].name}.csv`;
    table.replaceChildren(seriesTable(data, { caption: caption(), filename, metric: view.metric, series }, panel.tell));
  }

  renew();
  host.replaceChildren(canvas, played, notes, controls, foldsOf(host, table), panel.element);
  draw();
  return draw;
}

function orderedPart(part, share) {
  part.setAttribute("class", "ordered part");
  coloured(part, orderedLook(share));
}
