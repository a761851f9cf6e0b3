// Unpacks what the page carries, and answers for single cells.

/**
 * @typedef {{stack: string, layer: number, site: string, depth: number}} State
 * @typedef {{label: string, name: string, kind: string, states: State[], runs: number[],
 *   newest: number[], [fact: string]: unknown}} Model
 * @typedef {{label: string, name: string, kind: string, age: number, seeds: number[], states: State[],
 *   runs: number[], newest: number[]}} Group  seeds: places of its models; runs: places of its moments,
 *   which are counted on from the runs
 * @typedef {{name: string, title: string, symbol: string, unit: string, lower: string,
 *   upper: string, every: boolean, intervals: boolean, [fact: string]: unknown}} Metric
 * @typedef {{metric: number, model: number, part: number, every: boolean, spacing: string,
 *   low: number, step: number, offset: number, runs: number[], size: number,
 *   numbers?: Float64Array}} Chunk
 * @typedef {{models: Model[], metrics: Metric[], scopes: string[], scope_words: string[], runs: object[],
 *   corpora: object[], failures: object[], undefined: object[],
 *   undefined_kinds: number, groups: Group[],
 *   moments: {corpus: number, step: number | null, revision: string, seeds: number[]}[],
 *   lines: (Model | Group)[], chunks: Map<string, Chunk>,
 *   bytes: Uint8Array, modelOf: number[], spectra: Bundle, scales: Bundle,
 *   massive: object[], paired: {a: number, b: number, rows: object[]}[], shortfall: string}} Data
 * @typedef {{status: "value"|"undefined"|"absent"|"left out", value: number, low: number,
 *   high: number, error: number, seeds?: {n: number, low: number, high: number}}} Cell  seeds: where the
 *   value is the median over n of them, and the ends of their band
 */

const PARTS = ["value", "low", "high", "error"];
// Of groups besides: how many seeds have a value.
const SEEDS = PARTS.length;
const ABSENT = 0;
const UNDEFINED = 0xffff;

/** What a cell without a value is called. */
const STATUS_WORDS = {
  undefined: "undefined",
  absent: "not measured",
  "left out": "not on this page",
};

const MISSING_WORDS = new Set(Object.values(STATUS_WORDS));

/**
 * @param {string} id of the element that carries base64 of gzip
 * @returns {Promise<Uint8Array>}
 */
async function unpack(id) {
  const packed = atob(document.getElementById(id).textContent.trim());
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @returns {Promise<Data>} */
async function loadData() {
  const facts = JSON.parse(new TextDecoder().decode(await unpack("facts")));
  const data = { ...facts, runs: rowsOf(facts.runs), bytes: await unpack("numbers") };
  // What charts of profiles have lines of: every model, then every group of seeds.
  data.lines = [...data.models, ...data.groups];
  for (const line of data.lines) line.states = rowsOf(line.states);
  data.modelOf = [];
  data.lines.forEach((line, place) => {
    for (const run of line.runs) data.modelOf[run] = place;
  });
  data.chunks = placeChunks(data, rowsOf(facts.chunks));
  data.spectra = await loadBundle("spectra", facts.spectra);
  data.scales = await loadBundle("scales", facts.scales);
  data.massive = rowsOf(facts.massive);
  data.paired = facts.paired.map(({ a, b, rows }) => ({ a, b, rows: rowsOf(rows) }));
  return data;
}

/** Turns columns, some with a dictionary, into one object per row. */
function rowsOf(table) {
  const names = Object.keys(table);
  if (!names.length) return [];
  const first = table[names[0]];
  const length = (first.codes ?? first.values).length;
  return Array.from({ length }, (_, row) => {
    const found = {};
    for (const name of names) {
      const { values, codes } = table[name];
      found[name] = codes ? values[codes[row]] : values[row];
    }
    return found;
  });
}

/** Finds where each chunk's bytes begin; they follow one another. */
function placeChunks(data, chunks) {
  const found = new Map();
  let offset = 0;
  for (const chunk of chunks) {
    const model = data.lines[chunk.model];
    chunk.runs = chunk.every ? model.runs : model.newest;
    chunk.size = data.scopes.length * model.states.length * chunk.runs.length;
    chunk.offset = offset;
    offset += 2 * chunk.size;
    found.set(`${chunk.metric} ${chunk.model} ${chunk.part}`, chunk);
  }
  return found;
}

/** Decodes a chunk when it is first wanted: NaN is absent, infinity undefined. */
function numbersOf(data, chunk) {
  if (chunk.numbers) return chunk.numbers;
  const numbers = new Float64Array(chunk.size);
  const { offset, size, runs } = chunk;
  let code = 0;
  for (let i = 0; i < size; i += 1) {
    if (i % runs.length === 0) code = 0;
    code = (code + (data.bytes[offset + i] << 8) + data.bytes[offset + size + i]) & 0xffff;
    numbers[i] = decode(code, chunk);
  }
  chunk.numbers = numbers;
  return numbers;
}

function decode(code, { spacing, low, step }) {
  if (code === ABSENT) return NaN;
  if (code === UNDEFINED) return Infinity;
  return spacing === "log" ? low * Math.exp((code - 1) * step) : low + (code - 1) * step;
}

/**
 * One number with its interval, or why there is none.
 * @param {Data} data
 * @param {{metric: number, run: number, state: number, scope: number}} key
 * @returns {Cell}
 */
function cellOf(data, key) {
  const [value, low, high, error] = PARTS.map((_, part) => partOf(data, key, part));
  const known = Number.isFinite(value);
  if (known && isOfSeeds(data, key.run)) {
    // A band is no interval.
    return { status: "value", value, low: NaN, high: NaN, error: NaN, seeds: { n: partOf(data, key, SEEDS), low, high } };
  }
  return {
    status: known ? "value" : value === Infinity ? "undefined" : value === null ? "left out" : "absent",
    value: known ? value : NaN,
    low: known && Number.isFinite(low) ? low : NaN,
    high: known && Number.isFinite(high) ? high : NaN,
    error: known && Number.isFinite(error) ? error : NaN,
  };
}

/** A part of a cell; null where the page does not have the run. */
function partOf(data, { metric, run, state, scope }, part) {
  const place = data.modelOf[run];
  const chunk = data.chunks.get(`${metric} ${place} ${part}`);
  if (!chunk) return NaN;
  const column = chunk.runs.indexOf(run);
  if (column < 0) return null;
  const states = data.lines[place].states.length;
  return numbersOf(data, chunk)[(scope * states + state) * chunk.runs.length + column];
}

/** The hidden states for which a model has a metric at all: one of two layers lacks the last. */
function statesOf(data, metric, place) {
  const chunk = data.chunks.get(`${metric} ${place} 0`);
  const model = data.lines[place];
  if (!chunk) return [];
  const numbers = numbersOf(data, chunk);
  const width = chunk.runs.length;
  const measured = (state) =>
    data.scopes.some((_, scope) => {
      const start = (scope * model.states.length + state) * width;
      return numbers.subarray(start, start + width).some((number) => !Number.isNaN(number));
    });
  return model.states.map((_, state) => state).filter(measured);
}

/** A run, or a moment of a group. */
function runOf(data, run) {
  return data.runs[run] ?? data.moments[run - data.runs.length];
}

/** Whether a run is a moment of a group of seeds. */
function isOfSeeds(data, run) {
  return run >= data.runs.length;
}

/** Names a run as readers know it. */
function runName(data, run) {
  const { revision, step, seeds } = runOf(data, run);
  const { label, name } = data.lines[data.modelOf[run]];
  const which = step === null ? revision : `step ${count(step)}`;
  return seeds ? `${name} @ ${which} · ${plural(seeds.length, "seed")}` : `${label} @ ${which}`;
}

/** Names a hidden state within its model. */
function stateName(model, state) {
  const { stack, layer, site } = model.states[state];
  const words = site === "embedding" ? "embedding" : `layer ${layer}`;
  const after = site === "final_norm" ? " after the final norm" : "";
  return (model.kind === "encoder-decoder" ? `${stack} ` : "") + words + after;
}
