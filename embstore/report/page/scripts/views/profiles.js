// The profiles: a metric over the depth of each model.

/** @param {Data} data @param {Element} host */
function profilesView(data, host) {
  const view = {
    metric: firstMetric(data),
    scope: overlaidChoices(data)[0].value,
    corpus: commonCorpus(data),
    checkpoint: "last",
    axis: "depth",
    log: false,
    after: false,
    models: openingLines(data, host),
  };
  // Titles name the layers of one model, and the depth of several.
  if (data.models.length === 1) view.axis = "layer";
  const headline = headlineOf(data, host, view);
  const codecs = codecsOf(data);
  const save = addressed("profiles", view, {
    metric: codecs.metric,
    scope: codecs.overlaid,
    corpus: codecs.corpus,
    checkpoint: oneOf(data.corpora.flatMap((_, corpus) => checkpointChoices(data, corpus).map(({ value }) => value))),
    axis: oneOf(["depth", "layer"]),
    log: yesOrNo(),
    after: yesOrNo(),
    models: codecs.lines,
  });
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
    selectAmong("Checkpoint", checkpointChoices(data, view.corpus), view.checkpoint, set("checkpoint", String)) ?? el("div", { hidden: true });
  let checkpoints = checkpoint();
  const controls = el(
    "div",
    { class: "controls" },
    select("Metric", metricChoices(data), view.metric, set("metric", Number)).element,
    select("Tokens counted", overlaidChoices(data), view.scope, set("scope", String)).element,
    selectAmong("Text", corpusChoices(data), view.corpus, (value) => {
      view.checkpoint = "last";
      set("corpus", Number)(value);
      const renewed = checkpoint();
      checkpoints.replaceWith(renewed);
      checkpoints = renewed;
    }) ?? "",
    checkpoints,
  );
  const more = el(
    "div",
    { class: "controls" },
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
    save();
    const { series, without } = profileSeries(data, view);
    notes.textContent = [
      metricNote(data, view.metric),
      seedsNote(data, series.map(({ points }) => points[0].run)),
      without.length ? `Without such a checkpoint: ${without.join(", ")}.` : "",
    ].join(" ").trim();
    const caption = captionOf(data, view);
    const found = foundIn(data, view, series);
    if (series.length) {
      drawLines(canvas, {
        title: headline(`${found}.`) ? "" : `${found}.`,
        caption,
        description: `Line chart: ${caption} Arrow keys go from value to value.`,
        filename: `profiles-${data.metrics[view.metric].name}`,
        xTitle: view.axis === "depth" ? "Relative depth (layer / number of layers)" : "Layer",
        metric: data.metrics[view.metric],
        series,
        direct: true,
        named: series.filter(({ look }) => !look.hollow),
        legend: scopeEntries(data, view.scope),
        rings: medianPeaks(data, view, series),
        log: view.log,
        xScale: (range) => profileScale(view.axis, series, range),
        pick: (point) => panel.tell({ ...point, metric: view.metric }),
      });
    } else {
      headline(`${found}.`);
      const nothing = "Nothing was measured for this choice of models, text and metric.";
      canvas.replaceChildren(el("p", { class: "empty" }, view.models.size ? nothing : `${found}.`));
    }
    const filename = `profiles-${data.metrics[view.metric].name}.csv`;
    table.replaceChildren(seriesTable(data, { caption, filename, metric: view.metric, series }, panel.tell));
  }

  const models = linePicker(data, view.models, () => {
    draw();
    announce(`${plural(view.models.size, nounOfLines(data))} chosen.`);
  });
  const folds = foldsOf(host, data.models.length > 1 ? models : null, moreChoices(more), table);
  host.replaceChildren(canvas, notes, controls, folds, panel.element);
  draw();
  return draw;
}

/** The lines to begin with: those the page's title is about, or all where they are few. */
function openingLines(data, host) {
  const told = new Set(runsOfHeadline(host).map((run) => lineOfModel(data, data.modelOf[run])));
  const first = firstLines(data);
  return first.size === wholeLines(data).length || !told.size ? first : told;
}

/** The chart's own title, without its full stop. */
function foundIn(data, view, series) {
  const n = view.models.size;
  if (!n) return `No ${nounOfLines(data)} is chosen`;
  const all = wholeLines(data).every((place) => view.models.has(place));
  const of = all ? "" : `Of the ${count(n)} ${nounOfLines(data)}s shown`;
  return highestWords(data, view.metric, series, { of, byDepth: view.axis === "depth" });
}

/** Of many lines, the median of their peaks: for each stack and scope what a finding tells of it. */
function medianPeaks(data, { axis }, series) {
  if (!isMany(series)) return [];
  const groups = new Map();
  for (const { points, look } of series) {
    const top = peakOfPoints(points);
    if (!top) continue;
    const { stack } = data.lines[data.modelOf[top.run]].states[top.state];
    const key = `${stack} ${top.scope}`;
    groups.set(key, [...(groups.get(key) ?? []), { ...top, stack, look }]);
  }
  const found = [...groups.values()].filter((tops) => tops.length > 1);
  const stacks = new Set(found.map(([{ stack }]) => stack));
  return found.map((tops) => {
    const [x, value] = [median(tops.map((top) => top.x)), median(tops.map((top) => top.cell.value))];
    const [{ stack, scope, look }] = tops;
    const whose = stacks.size > 1 ? ` (${stack})` : "";
    const where = `${axis} ${brief(x)}`;
    return { x, value, look, label: `median peak of ${tops.length} lines${whose}, ${data.scope_words[scope]}: ${brief(value)} at ${where}` };
  });
}

/** What full and hollow marks mean, where both are drawn. */
function scopeEntries(data, choice) {
  const scopes = scopesOf(data, choice);
  if (scopes.length < 2) return [];
  const look = { color: "plain", mark: MARKS[0], dash: null };
  return scopes.map((scope, order) => legendEntry(scopeChoices(data)[scope].label, order ? hollow(look) : look));
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
  const counted = overlaidChoices(data).find((choice) => choice.value === scope).label;
  return `${data.metrics[metric].title} (${data.metrics[metric].name}), ${counted}, over ${text}. Checkpoints: ${which.toLowerCase()}.`;
}

/** One series per model, stack and scope. */
function profileSeries(data, { metric, scope, corpus, checkpoint, axis, after, models }) {
  const series = [];
  const without = [];
  for (const place of [...models].sort((a, b) => a - b)) {
    const run = chosenRun(data, place, corpus, checkpoint);
    if (run === undefined) {
      without.push(data.lines[place].label);
      continue;
    }
    series.push(...runSeries(data, { metric, run, choice: scope, axis, after }).filter(({ points }) => points.length));
  }
  return { series, without };
}

/** A run's series: one per stack and scope, in the look of its model. */
function runSeries(data, { metric, run, choice, axis, after }) {
  const place = data.modelOf[run];
  const { kind } = data.lines[place];
  const { seeds } = runOf(data, run);
  const short = seeds ? shortName(data, place).replace(/ · seeds$/, ` · ${plural(seeds.length, "seed")}`) : shortName(data, place);
  return [...stacksOf(data, metric, place, after)].flatMap(([stack, states], order) =>
    scopesOf(data, choice).flatMap((scope, nth) => {
      const cells = states.map((state) => {
        const key = { metric, run, state, scope };
        return [key, cellOf(data, key)];
      });
      if (nth && cells.every(([, cell]) => cell.status === "absent")) return [];
      const look = modelLook(data, place, order);
      const which = kind === "encoder-decoder" ? ` · ${stack}` : "";
      const words = nth ? `, ${scopeChoices(data)[scope].label}` : "";
      return {
        label: `${runName(data, run)}${which}${words}`,
        short: short + which,
        look: nth ? hollow(look) : look,
        points: cells.map(([key, cell]) => pointOf(data, key, cell, axis)),
      };
    }),
  );
}

/** The table of the points of such series. */
function seriesTable(data, { caption, filename, metric, series }, tell) {
  const points = series.flatMap((one) => one.points);
  const rows = () => points.map(({ run, state, scope, cell }) => numberRow(data, { metric, run, state, scope }, cell));
  return numbersTable(data, { caption, filename, n: points.length, rows }, tell);
}

/** A model's measured states by stack. */
function stacksOf(data, metric, place, after) {
  const stacks = new Map();
  for (const state of statesOf(data, metric, place)) {
    const { stack, site } = data.lines[place].states[state];
    if (site === "final_norm" && !after) continue;
    stacks.set(stack, [...(stacks.get(stack) ?? []), state]);
  }
  return stacks;
}

function pointOf(data, { metric, run, state, scope }, cell, axis) {
  const model = data.lines[data.modelOf[run]];
  const { site, layer, depth } = model.states[state];
  // The dimension of the embedding is that of the words read, not of what layers make of them.
  const aside = data.metrics[metric].neighbor && site === "embedding";
  return {
    x: axis === "layer" ? layer : depth,
    cell,
    joined: site !== "final_norm" && !aside,
    aside,
    where: stateName(model, state),
    run,
    state,
    scope,
  };
}
