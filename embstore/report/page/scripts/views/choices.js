// The selectors that views share, and what they offer.

/** @returns {{value: number, label: string}[]} */
function metricChoices(data) {
  return data.metrics.map((metric, value) => ({ value, label: `${metric.title} (${metric.name})` }));
}

function scopeChoices(data) {
  return data.scope_words.map((label, value) => ({ value, label }));
}

const BOTH = "both";

/** Said in the place of a chart. */
const NOTHING_MEASURED = "Nothing was measured for this choice of model, text and metric.";

/** The same, and first all tokens with and without sinks in one chart, where both were measured. */
function overlaidChoices(data) {
  const both = data.runs.some(({ scopes }) => ["all", "no_sinks"].every((scope) => (scopes ?? "").split(",").includes(scope)));
  const overlaid = { value: BOTH, label: "all tokens, and without attention sinks" };
  return [...(both ? [overlaid] : []), ...scopeChoices(data).map(({ value, label }) => ({ value: String(value), label }))];
}

/** The scopes that such a choice is of, the first drawn full and the other hollow. */
function scopesOf(data, choice) {
  return choice === BOTH ? ["all", "no_sinks"].map((scope) => data.scopes.indexOf(scope)) : [Number(choice)];
}

/** A selector that is left out where it offers one thing only. */
function selectAmong(label, choices, value, onchange) {
  return choices.length > 1 ? select(label, choices, value, onchange).element : null;
}

/** Choices that few readers change, folded away. */
function moreChoices(controls) {
  return el("details", { class: "more" }, el("summary", {}, "More choices"), controls);
}

/** The metric a page opens with: anisotropy, if it has it. */
function firstMetric(data) {
  return Math.max(0, data.metrics.findIndex((metric) => metric.name === "anisotropy"));
}

/** How the choices that views share are written in the address. */
function codecsOf(data) {
  return {
    metric: placeIn(data.metrics.map((metric) => metric.name)),
    scope: placeIn(data.scopes),
    overlaid: oneOfScopes(data),
    corpus: placeIn(corpusChoices(data).map((choice) => choice.label)),
    model: placeIn(data.models.map((model) => model.label)),
    line: placeIn(data.lines.map((line) => line.label)),
    lines: placesIn(data.lines.map((line) => line.label)),
    run: placeIn(data.runs.map((run) => run.run_id)),
  };
}

function oneOfScopes(data) {
  const places = placeIn(data.scopes);
  return {
    write: (choice) => (choice === BOTH ? [BOTH] : places.write(Number(choice))),
    read: ([text]) => {
      if (text === BOTH) return overlaidChoices(data)[0].value === BOTH ? BOTH : undefined;
      const place = places.read([text]);
      return place === undefined ? undefined : String(place);
    },
  };
}

/** The texts; those that share a name also by their hash. */
function corpusChoices(data) {
  const names = data.corpora.map((corpus) => corpus.name);
  return data.corpora.map((corpus, value) => ({
    value,
    label:
      names.filter((other) => other === corpus.name).length > 1
        ? `${corpus.name} (${corpus.sha256.slice(0, 8)})`
        : corpus.name,
  }));
}

/**
 * How a model looks, in every view and in every chart of the store: by when it was measured first.
 * Its second stack has another shape.
 */
function modelLook(data, place, stack = 0) {
  const { age } = data.lines[place];
  return { ...lookOf(age), mark: lookOf(age + stack).mark };
}

/** A model's name without its owner, where that tells it apart. */
function shortName(data, place) {
  const names = data.lines.map(({ label }) => label.split("/").at(-1));
  const own = names[place];
  return names.indexOf(own) === names.lastIndexOf(own) ? own : data.lines[place].label;
}

function modelChoices(data) {
  return data.models.map((model, value) => ({ value, label: model.label }));
}

/** The text that most runs read. */
function commonCorpus(data) {
  const counts = data.corpora.map((_, place) => data.runs.filter((run) => run.corpus === place).length);
  return counts.indexOf(Math.max(...counts));
}

/** A model's runs over one text, in order. */
function runsOf(data, place, corpus) {
  return data.lines[place].runs.filter((run) => runOf(data, run).corpus === corpus);
}

/** Which checkpoint of every model: its last, its first, a step, or a revision without one. */
function checkpointChoices(data, corpus) {
  const runs = data.runs.filter((run) => run.corpus === corpus);
  const steps = [...new Set(runs.map((run) => run.step).filter((step) => step !== null))];
  steps.sort((a, b) => a - b);
  const revisions = [...new Set(runs.filter((run) => run.step === null).map((run) => run.revision))];
  const choices = [{ value: "last", label: "Last of each model" }];
  if (runs.length > data.models.length) choices.push({ value: "first", label: "First of each model" });
  choices.push(...steps.map((step) => ({ value: `step ${step}`, label: `Step ${count(step)}` })));
  // One revision beside the steps is the last of its model; a control has no other name.
  if (revisions.length > 1 || runs.some((run) => run.untrained)) {
    choices.push(...revisions.map((revision) => ({ value: `revision ${revision}`, label: `Revision ${revision}` })));
  }
  return choices;
}

/** A model's run for that choice; undefined if it has none. */
function chosenRun(data, place, corpus, choice) {
  const runs = runsOf(data, place, corpus);
  if (choice === "last") return runs.find((run) => data.lines[place].newest.includes(run)) ?? runs.at(-1);
  if (choice === "first") return runs.find((run) => !runOf(data, run).untrained) ?? runs[0];
  return runs.find((run) => {
    const { step, revision } = runOf(data, run);
    return choice === `step ${step}` || (step === null && choice === `revision ${revision}`);
  });
}

/** Some models to begin with: of each kind, the first few. */
function firstModels(data, most = 6) {
  const kinds = new Map();
  data.models.forEach((model, place) => {
    kinds.set(model.kind, [...(kinds.get(model.kind) ?? []), place]);
  });
  const chosen = new Set();
  for (let turn = 0; chosen.size < most && turn < data.models.length; turn += 1) {
    for (const places of kinds.values()) if (places[turn] !== undefined && chosen.size < most) chosen.add(places[turn]);
  }
  return chosen;
}

/** What a reader should know about a metric before trusting it. */
function metricNote(data, metric) {
  const { every, title, name: key, neighbor } = data.metrics[metric];
  const notes = [];
  if (!every) {
    notes.push(
      `To stay small, this page has ${title} for the last checkpoint of each model only; ` +
        `embstore report --metrics ${key} writes one with every checkpoint.`,
    );
  }
  if (neighbor) notes.push(data.shortfall);
  return notes.join(" ");
}
