// Where a number comes from: the run, its weights, text, sample and software.

/**
 * Makes a panel that tells the provenance of what was picked last.
 * @param {Data} data
 */
function provenancePanel(data) {
  const element = el("aside", { class: "provenance", "aria-label": "Provenance", hidden: true });
  const tell = (...selections) => {
    element.hidden = false;
    element.replaceChildren(...selections.flatMap((selection) => provenance(data, selection)));
  };
  return { element, tell };
}

/**
 * A number of no metric comes with its own facts.
 * @param {{run: number, metric?: number, state?: number, scope?: number, cell?: Cell,
 *   over?: string, facts?: [string, string][]}} selection
 */
function provenance(data, selection) {
  if (isOfSeeds(data, selection.run)) return provenanceOfSeeds(data, selection);
  const run = data.runs[selection.run];
  const model = data.models[data.modelOf[selection.run]];
  const corpus = data.corpora[run.corpus];
  const groups = [
    ["Number", numberFacts(data, selection, model, run)],
    ["Checkpoint", [
      ["Run", run.run_id],
      ["Model", `${model.label} (${model.kind}, ${model.architecture}, from ${model.source})`],
      ["Revision", run.revision],
      ["Step", run.step],
      ["Tokens seen", run.tokens_seen],
      ["Weights SHA-256", run.weights_sha256],
      ["Weights, bytes", run.weights_bytes],
      ["Same weights as", run.duplicate_of],
    ]],
    ["Text and sample", [
      ["Text", `${corpus.name} (${corpus.source})`],
      ["Text SHA-256", corpus.sha256],
      ["Tokens", `${count(run.tokens)} in ${plural(run.n_windows, "window")} of ${run.window_size}, seed ${run.seed}`],
      ["Sampled for neighbours", run.sample_size],
      ["Duplicates in the sample, at most", run.n_duplicates],
      ["Attention sinks left out", `${count(run.n_sinks)}, above ${run.sink_threshold} times the median norm`],
      ["Scopes", run.scopes],
      ["Neighbour search", `${run.neighbor_method ?? "none"}, recall ${show(run.neighbor_recall) || "unknown"}`],
      ["Tokenizer SHA-256", run.tokenizer_sha256],
      ["Token ids SHA-256", run.token_ids_sha256],
    ]],
    ["Made with", [
      ["Date", run.created_at],
      ["embstore", `${run.embstore_version}${commitOf(run)}`],
      ["Libraries", `Python ${run.python_version}, torch ${run.torch_version}, transformers ${run.transformers_version}, NumPy ${run.numpy_version}, DuckDB ${run.duckdb_version}`],
      ["Device", `${run.device}, ${run.dtype}, sums in ${run.accumulation_dtype}`],
      ["Attention, linear layers", `${run.attention}, ${run.linear ?? "unknown"}`],
      ["Time", `${show(run.wall_seconds)} s; forward ${show(run.forward_seconds)} s, geometry ${show(run.geometry_seconds)} s`],
      ["Peak memory, bytes", run.peak_memory_bytes],
      ["Study", run.study],
      ["Tags", run.tags === "{}" ? null : run.tags],
    ]],
  ];
  return [el("h4", {}, "Where it comes from: ", name(runName(data, selection.run)))].concat(
    groups.filter(([, facts]) => facts.length).map(([title, facts]) => factGroup(title, facts)),
  );
}

/** A number of a group comes from a run of each seed. */
function provenanceOfSeeds(data, { run, metric, state, scope, cell }) {
  const group = data.lines[data.modelOf[run]];
  const { title, name: key, unit } = data.metrics[metric];
  const facts = [
    ["Value", cell ? valueWords(cell, unit) : null],
    ["Metric", `${title} (${key})`],
    ["Hidden state", stateName(group, state)],
    ["Tokens counted", data.scope_words[scope]],
  ];
  const runs = runOf(data, run).seeds.map((seed) => [runName(data, seed), data.runs[seed].run_id]);
  return [
    el("h4", {}, "Where it comes from: ", name(runName(data, run))),
    factGroup("Number", facts),
    factGroup("Runs of the seeds", runs),
  ];
}

function numberFacts(data, { metric, state, scope, cell, over, facts }, model, run) {
  if (metric === undefined) return facts ?? [];
  const { title, name: key, formula } = data.metrics[metric];
  const versions = JSON.parse(run.metric_versions);
  return [
    ["Value", cell ? valueWords(cell, data.metrics[metric].unit) : null],
    ["Metric", `${title} (${key}, version ${versions[key] ?? "unknown"}): ${formula}`],
    ["Over the blocks", over],
    ["Hidden state", state === null || state === undefined ? null : stateName(model, state)],
    ["Tokens counted", data.scope_words[scope]],
  ];
}

function commitOf({ git_commit: commit, git_dirty: dirty }) {
  if (!commit) return "";
  return `, commit ${commit}${dirty ? " with uncommitted changes" : ""}`;
}

function factGroup(title, facts) {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const entries = known.flatMap(([label, value]) => [
    el("dt", {}, label),
    el("dd", {}, name(typeof value === "number" ? count(value) : value)),
  ]);
  return el("div", { class: "facts" }, el("h5", {}, title), el("dl", {}, entries));
}
