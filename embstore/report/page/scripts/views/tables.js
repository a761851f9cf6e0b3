// The tables of what was measured, what is missing, and how every number was made.

/** @param {Data} data @param {Element} host */
function coverageView(data, host) {
  host.replaceChildren(
    makeTable({
      caption: "Models, and how completely they are measured",
      columns: [
        { key: "model", label: "Model", name: true },
        { key: "kind", label: "Kind" },
        { key: "architecture", label: "Architecture", name: true },
        { key: "n_layers", label: "Blocks" },
        { key: "hidden_size", label: "Width" },
        { key: "n_parameters", label: "Parameters" },
        { key: "checkpoints", label: "Checkpoints" },
        { key: "texts", label: "Texts" },
        { key: "steps", label: "Steps", tight: true },
        { key: "numbers", label: "Numbers" },
        { key: "undefined", label: "Undefined" },
        { key: "missing", label: "Missing" },
      ],
      rows: data.models.map((model) => coverageRow(data, model)),
      filename: "models.csv",
      empty: "No model has been measured.",
    }),
    makeTable({
      caption: "Checkpoints that could not be measured",
      columns: [
        { key: "model", label: "Model", name: true },
        { key: "revision", label: "Revision", name: true },
        { key: "stage", label: "Stage" },
        { key: "reason", label: "Reason", name: true },
        { key: "corpus", label: "Text", name: true },
        { key: "failed_at", label: "Last tried", tight: true },
        { key: "attempts", label: "Attempts" },
      ],
      rows: data.failures,
      filename: "failures.csv",
      empty: "No checkpoint has failed.",
    }),
    makeTable({
      caption: `Numbers that are undefined, and why${undefinedLeftOut(data)}`,
      columns: [
        { key: "model", label: "Model", name: true },
        { key: "metric", label: "Metric" },
        { key: "scope", label: "Scope" },
        { key: "reason", label: "Reason", name: true },
        { key: "numbers", label: "Numbers" },
        { key: "runs", label: "Runs" },
        { key: "first_layer", label: "From layer" },
        { key: "last_layer", label: "to layer" },
      ],
      rows: data.undefined,
      filename: "undefined.csv",
      empty: "No number is undefined.",
    }),
  );
}

/** Says that the table has the largest groups only, where there are more. */
function undefinedLeftOut({ undefined: rows, undefined_kinds: kinds }) {
  return rows.length < kinds ? `; the ${count(rows.length)} largest of ${count(kinds)} groups` : "";
}

/** What is missing is counted against the model's most complete run. */
function coverageRow(data, model) {
  const runs = model.runs.map((run) => data.runs[run]);
  const stored = runs.map((run) => run.stored);
  const most = Math.max(...stored);
  const steps = runs.map((run) => run.step).filter((step) => step !== null);
  const [low, high] = extent(steps);
  return {
    ...model,
    model: model.label,
    checkpoints: new Set(runs.map((run) => run.revision)).size,
    texts: new Set(runs.map((run) => run.corpus)).size,
    steps: steps.length ? `${count(low)} to ${count(high)}` : "",
    numbers: stored.reduce((sum, n) => sum + n, 0),
    undefined: runs.reduce((sum, run) => sum + run.undefined, 0),
    missing: stored.reduce((sum, n) => sum + most - n, 0),
  };
}

/** What each number means. @param {Data} data @param {Element} host */
function metricsView(data, host) {
  const labels = {
    name: "Name", title: "Title", symbol: "Symbol", formula: "Formula", unit: "Unit", lower: "From",
    upper: "to", citation: "Source", uncertainty: "Interval", version: "Version",
  };
  host.replaceChildren(
    makeTable({
      caption: "What each number means; n counts tokens, d dimensions",
      columns: Object.entries(labels).map(([key, label]) => ({ key, label })),
      rows: data.metrics,
      filename: "metrics.csv",
      pageSize: 100,
    }),
  );
}

const SHOWN_OF_RUNS = [
  ["model", "Model"], ["revision", "Revision"], ["step", "Step"], ["text", "Text"],
  ["tokens", "Tokens"], ["sample_size", "Sample"], ["dtype", "Precision"], ["device", "Device"],
  ["created_at", "Date"], ["embstore_version", "embstore"], ["run_id", "Run"], ["tags", "Tags"],
];
const NAMES_OF_RUNS = new Set(["model", "revision", "text", "tags"]);
const TIGHT_OF_RUNS = new Set(["created_at", "run_id"]);

/** @param {Data} data @param {Element} host */
function runsView(data, host) {
  const panel = provenancePanel(data);
  const rows = data.runs.map((run, place) => ({
    model: data.models[data.modelOf[place]].label,
    ...run,
    tags: run.tags === "{}" ? "" : run.tags,
    text: data.corpora[run.corpus].name,
    text_sha256: data.corpora[run.corpus].sha256,
    place,
  }));
  const shown = SHOWN_OF_RUNS.map(([key, label]) => ({
    key,
    label,
    name: NAMES_OF_RUNS.has(key),
    tight: TIGHT_OF_RUNS.has(key),
  }));
  const keys = new Set(["corpus", "place", ...SHOWN_OF_RUNS.map(([key]) => key)]);
  const others = Object.keys(rows[0] ?? {}).filter((key) => !keys.has(key));
  host.replaceChildren(
    makeTable({
      caption: "Runs: every checkpoint with the latest measurement over each text",
      columns: [...shown, ...others.map((key) => ({ key, label: key, hidden: true }))],
      rows,
      filename: "runs.csv",
      filter: true,
      pick: (row) => {
        panel.tell({ run: row.place });
        panel.element.scrollIntoView({ block: "nearest" });
        announce(`Provenance of ${runName(data, row.place)} is shown below the table.`);
      },
      pickName: (row) => `${row.model}, ${row.revision}, ${row.text}`,
    }),
    panel.element,
  );
}
