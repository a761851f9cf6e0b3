// The selectors that views share, and what they offer.

const SCOPE_WORDS = {
  all: "all tokens",
  no_first: "without first tokens",
  no_sinks: "without attention sinks",
};

/** @returns {{value: number, label: string}[]} */
function metricChoices(data) {
  return data.metrics.map((metric, value) => ({ value, label: `${metric.title} (${metric.name})` }));
}

function scopeChoices(data) {
  return data.scopes.map((scope, value) => ({ value, label: SCOPE_WORDS[scope] ?? scope }));
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
  return data.models[place].runs.filter((run) => data.runs[run].corpus === corpus);
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
  if (revisions.length > 1) {
    choices.push(...revisions.map((revision) => ({ value: `revision ${revision}`, label: `Revision ${revision}` })));
  }
  return choices;
}

/** A model's run for that choice; undefined if it has none. */
function chosenRun(data, place, corpus, choice) {
  const runs = runsOf(data, place, corpus);
  if (choice === "last") return runs.find((run) => data.models[place].newest.includes(run)) ?? runs.at(-1);
  if (choice === "first") return runs[0];
  return runs.find((run) => {
    const { step, revision } = data.runs[run];
    return choice === `step ${step}` || (step === null && choice === `revision ${revision}`);
  });
}

/** Check boxes for models, with a filter, in a box that scrolls. */
function modelPicker(data, chosen, onchange) {
  const items = data.models.map((model, value) => ({ value, label: model.label }));
  return picker({ noun: "model", items, filtered: items.length > 8 }, chosen, onchange);
}

/**
 * Check boxes in a box that scrolls.
 * @param {{noun: string, items: {value: number, label: string}[], filtered: boolean,
 *   short?: boolean}} options  short: so are the labels
 * @param {Set<number>} chosen
 * @param {() => void} onchange
 */
function picker({ noun, items, filtered, short }, chosen, onchange) {
  const boxes = items.map(({ value, label }) => {
    const box = checkbox(name(label), chosen.has(value), (checked) => {
      if (checked) chosen.add(value);
      else chosen.delete(value);
      onchange();
    });
    return { ...box, label: label.toLowerCase(), value };
  });
  const visible = () => boxes.filter((box) => !box.element.hidden);
  const setAll = (checked) => {
    for (const { field, value } of visible()) {
      field.checked = checked;
      if (checked) chosen.add(value);
      else chosen.delete(value);
    }
    onchange();
  };
  const filter = el("input", {
    type: "search",
    oninput: (event) => {
      for (const box of boxes) box.element.hidden = !box.label.includes(event.target.value.toLowerCase());
      announce(plural(visible().length, noun));
    },
  });
  return el(
    "fieldset",
    { class: "models" },
    el("legend", {}, `${noun[0].toUpperCase()}${noun.slice(1)}s`),
    el(
      "div",
      { class: "tools" },
      filtered ? labelled(`Filter ${noun}s`, filter) : null,
      button("All", () => setAll(true), { "aria-label": `Choose all ${noun}s shown` }),
      button("None", () => setAll(false), { "aria-label": `Choose none of the ${noun}s shown` }),
    ),
    el("div", { class: short ? "boxes short" : "boxes" }, boxes.map((box) => box.element)),
  );
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

/** A row of a table for one number. */
function numberRow(data, { metric, run, state, scope }, cell) {
  const model = data.models[data.modelOf[run]];
  const { stack, layer, site, depth } = model.states[state];
  return {
    model: model.label,
    revision: data.runs[run].revision,
    step: data.runs[run].step,
    stack,
    layer,
    site,
    depth,
    scope: data.scopes[scope],
    metric: data.metrics[metric].name,
    value: cell.status === "value" ? cell.value : null,
    ci_low: cell.low,
    ci_high: cell.high,
    status: cell.status === "value" ? "measured" : STATUS_WORDS[cell.status],
    run_id: data.runs[run].run_id,
    key: { metric, run, state, scope, cell },
  };
}

const NUMBER_COLUMNS = [
  { key: "model", label: "Model", name: true },
  { key: "revision", label: "Revision", name: true },
  { key: "step", label: "Step" },
  { key: "stack", label: "Stack" },
  { key: "layer", label: "Layer" },
  { key: "site", label: "Site" },
  { key: "depth", label: "Depth" },
  { key: "scope", label: "Scope", hidden: true },
  { key: "metric", label: "Metric", hidden: true },
  { key: "value", label: "Value" },
  { key: "ci_low", label: "Interval from" },
  { key: "ci_high", label: "to" },
  { key: "status", label: "Status" },
  { key: "run_id", label: "Run", hidden: true },
];

/** The table behind a chart; made when it is opened. */
function numbersTable(data, caption, filename, rows, tell) {
  return folded(`The numbers as a table (${plural(rows.length, "row")})`, () =>
    makeTable({
      caption,
      columns: NUMBER_COLUMNS,
      rows,
      filename,
      pick: (row) => tell(row.key),
      pickName: (row) => `${row.model}, layer ${row.layer}`,
    }),
  );
}
