// The two sides of a comparison: which runs they are, and the profiles that are compared.

/** A model and its checkpoint, for one side. */
function sidePicker(data, side, run, onchange) {
  const start = data.modelOf[run];
  const runChoices = (place) =>
    data.models[place].runs.map((value) => ({ value, label: checkpointWords(data, value, data.corpora.length > 1) }));
  let checkpoints = select(`${side}: checkpoint`, runChoices(start), run, (value) => onchange(Number(value))).element;
  const models = selectAmong(`${side}: model`, modelChoices(data), start, (value) => {
    const last = lastRun(data, Number(value));
    const renewed = select(`${side}: checkpoint`, runChoices(Number(value)), last, (chosen) => onchange(Number(chosen)));
    checkpoints.replaceWith(renewed.element);
    checkpoints = renewed.element;
    onchange(last);
  });
  return el("div", { class: "pair", role: "group", "aria-label": `Side ${side}` }, models, checkpoints);
}

function lastRun(data, place) {
  return data.models[place].newest.at(-1);
}

function checkpointWords(data, run, withText) {
  const { step, revision, corpus } = runOf(data, run);
  const which = step === null ? revision : `step ${count(step)}`;
  return withText ? `${which} · ${corpusChoices(data)[corpus].label}` : which;
}

/** The first against the last checkpoint of the longest training, else two models. */
function firstSides(data) {
  const { ends } = data.models[longest(data)];
  if (ends) return [...ends];
  const [first, second] = [...firstModels(data, 2)];
  return second === undefined ? data.models[first].runs.slice(0, 2) : [lastRun(data, first), lastRun(data, second)];
}

/** Warns of what makes two runs incomparable. */
function sidesNote(data, runs) {
  const [a, b] = runs.map((run) => data.runs[run]);
  const words = { corpus: "texts", tokens: "numbers of tokens", window_size: "windows", sample_size: "samples", dtype: "precisions" };
  const differing = Object.keys(words).filter((key) => a[key] !== b[key]).map((key) => words[key]);
  return differing.length ? `A and B were measured with different ${differing.join(", ")}: part of the difference is theirs.` : "";
}

/**
 * Stacks that are compared: those of one name, or the only ones there are.
 * @returns {{name: string, stacks: [string, string]}[]}
 */
function stackPairs(data, runs) {
  const [a, b] = runs.map((run) => [...new Set(data.models[data.modelOf[run]].states.map(({ stack }) => stack))]);
  if (a.length === 1 && b.length === 1) return [{ name: a[0] === b[0] ? a[0] : `${a[0]}/${b[0]}`, stacks: [a[0], b[0]] }];
  return a.filter((stack) => b.includes(stack)).map((stack) => ({ name: stack, stacks: [stack, stack] }));
}

/** A metric over one stack of a run, without the state after the final norm. @returns {Profile} */
function profileOf(data, { metric, run, scope }, stack) {
  const { states } = data.models[data.modelOf[run]];
  const own = states.map((state, place) => ({ ...state, place })).filter((state) => state.stack === stack && state.site !== "final_norm");
  const places = own.map(({ layer, depth, place }) => {
    const { value, error } = cellOf(data, { metric, run, state: place, scope });
    return { layer, depth, value, error };
  });
  const measured = places.filter(({ value }) => !Number.isNaN(value));
  return {
    places: measured.length ? places : [],
    blocks: Math.max(...own.map(({ layer }) => layer)),
    windows: data.runs[run].n_windows,
    estimate: data.metrics[metric].neighbor,
  };
}

/**
 * The difference of one metric in every pair of stacks, with the paired errors the page has.
 * @returns {{name: string, layers: Difference[], mean: Difference, peak: Difference}[]}
 */
function differencesOf(data, { metric, runs, scope }) {
  return stackPairs(data, runs).flatMap(({ name: stack, stacks }) => {
    const [a, b] = runs.map((run, side) => profileOf(data, { metric, run, scope }, stacks[side]));
    if (!a.places.length || !b.places.length) return [];
    const found = compareProfiles(a, b);
    const paired = pairedEnds(data, { metric, runs, scope }, stack);
    if (!paired) return [{ name: stack, ...found }];
    const renewed = (difference, key) => ({ ...difference, ...paired(key) });
    return [{
      name: stack,
      layers: found.layers.map((difference) => renewed(difference, `layer ${difference.layer}`)),
      mean: renewed(found.mean, "mean"),
      peak: renewed(found.peak, "peak_value"),
    }];
  });
}

/** The ends of paired intervals that come with the page; null where it has none of these two. */
function pairedEnds(data, { metric, runs: [a, b], scope }, stack) {
  const bundle = data.paired.find((one) => (one.a === a && one.b === b) || (one.a === b && one.b === a));
  if (!bundle) return null;
  const rows = bundle.rows.filter(
    (row) => row.metric === data.metrics[metric].name && row.scope === data.scopes[scope] && row.stack === stack,
  );
  if (!rows.length) return null;
  const ends = new Map(rows.map((row) => [row.part === "layer" ? `layer ${row.layer}` : row.part, [row.ci_low, row.ci_high]]));
  return (key) => {
    const found = ends.get(key);
    if (!found) return {};
    const [low, high] = bundle.a === a ? found : [-found[1], -found[0]];
    return { low, high, differs: low > 0 || high < 0, errors: "paired" };
  };
}
