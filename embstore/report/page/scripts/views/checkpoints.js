// Checkpoints: all of one model as lines from light to dark, and one of them in full.

// A training is played in about so many milliseconds, but no step faster than the eye follows.
const PLAYED_IN = 8000;
const SHORTEST_STEP = 80;
const LONGEST_STEP = 600;

/** @param {Data} data @param {Element} host */
function checkpointsView(data, host) {
  const model = longest(data);
  const view = { model, metric: firstMetric(data), scope: overlaidChoices(data)[0].value, corpus: corpusOf(data, model), log: false, at: Infinity };
  const headline = headlineOf(data, host, view);
  const codecs = codecsOf(data);
  const save = addressed("checkpoints", view, {
    model: codecs.model,
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
    selectAmong("Model", modelChoices(data), view.model, set("model", Number)) ?? "",
    select("Metric", metricChoices(data), view.metric, set("metric", Number)).element,
    select("Tokens counted", overlaidChoices(data), view.scope, set("scope", String)).element,
    corpora,
    checkbox("Logarithmic values", view.log, set("log", Boolean)).element,
  );
  const player = el("div", { class: "controls player" });
  let playing = 0;

  function renew() {
    stop();
    if (view.at >= runs().length) view.at = Infinity;
    corpora.replaceChildren(selectAmong("Text", corpusChoices(data), view.corpus, set("corpus", Number)) ?? "");
    const words = (place) => checkpointWords(data, runs()[place], false);
    const bar = slider("Checkpoint", { last: runs().length - 1, value: at(), words }, (place) => {
      stop();
      view.at = place;
      draw();
    });
    const play = button("Play", () => (playing ? stop() : start()));
    const start = () => {
      const last = runs().length - 1;
      if (at() === last) move(0);
      play.textContent = "Pause";
      const pace = Math.max(SHORTEST_STEP, Math.min(LONGEST_STEP, PLAYED_IN / Math.max(last, 1)));
      playing = setInterval(() => {
        move(at() + 1);
        if (at() === last) stop();
      }, pace);
    };
    const move = (place) => {
      view.at = place;
      bar.show(place);
      draw();
    };
    paused = () => {
      play.textContent = "Play";
      announce(`Checkpoints: ${caption()}`);
    };
    player.replaceChildren(play, bar.element);
  }

  let paused = () => {};

  function stop() {
    if (!playing) return;
    clearInterval(playing);
    playing = 0;
    paused();
  }

  function caption() {
    const counted = overlaidChoices(data).find((choice) => choice.value === view.scope).label;
    const { title, name: key } = data.metrics[view.metric];
    return `${runName(data, runs()[at()])}, among ${plural(runs().length, "checkpoint")}: ${title} (${key}), ${counted}, over ${corpusChoices(data)[view.corpus].label}.`;
  }

  function draw() {
    save();
    notes.textContent = metricNote(data, view.metric);
    const every = runs();
    const [scope] = scopesOf(data, view.scope);
    const shares = every.map((_, place) => place / Math.max(every.length - 1, 1));
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
  host.replaceChildren(canvas, player, notes, controls, foldsOf(host, table), panel.element);
  draw();
  return draw;
}

function orderedPart(part, share) {
  part.setAttribute("class", "ordered part");
  coloured(part, orderedLook(share));
}
