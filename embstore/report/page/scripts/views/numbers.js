// The numbers behind a chart, as a table.

/** A row of a table for one number. */
function numberRow(data, { metric, run, state, scope }, cell) {
  const model = data.lines[data.modelOf[run]];
  const { stack, layer, site, depth } = model.states[state];
  return {
    model: model.label,
    revision: runOf(data, run).revision,
    step: runOf(data, run).step,
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
    n_seeds: cell.seeds?.n,
    seed_low: cell.seeds?.low,
    seed_high: cell.seeds?.high,
    run_id: runOf(data, run).run_id,
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
const SEED_COLUMNS = [
  { key: "n_seeds", label: "Seeds" },
  { key: "seed_low", label: "Seeds from" },
  { key: "seed_high", label: "to" },
];

/**
 * The table behind a chart; it and its rows are made when it is opened.
 * @param {{caption: string, filename: string, n: number, rows: () => object[]}} options
 */
function numbersTable(data, { caption, filename, n, rows }, tell) {
  return folded(`The numbers as a table (${plural(n, "row")})`, () =>
    makeTable({
      caption,
      columns: data.groups.length ? [...NUMBER_COLUMNS, ...SEED_COLUMNS] : NUMBER_COLUMNS,
      rows: rows(),
      filename,
      // Of every metric it is the same table.
      name: filename.split("-")[0],
      pick: (row) => tell(row.key),
      pickName: (row) => `${row.model}, layer ${row.layer}`,
    }),
  );
}
