// Unpacks the lines that only the last checkpoints have: numbers by rank.

/**
 * @typedef {{run: number, state: number, scope: number, ranks: number[], trace?: number,
 *   place: number}} Line
 * @typedef {{points: number, parts: number, encodings: object, bytes: Uint8Array,
 *   lines: Map<string, Line>}} Bundle
 */

/** @returns {Promise<Bundle>} */
async function loadBundle(kind, facts) {
  const lines = new Map();
  rowsOf(facts.lines).forEach((line, place) => {
    lines.set(`${line.run} ${line.scope} ${line.state}`, { ...line, ranks: facts.ranks[line.ranks], place });
  });
  return { ...facts, lines, bytes: await unpack(`${kind}-numbers`) };
}

/** A hidden state's line; undefined if it was not measured. */
function lineOf(bundle, { run, scope, state }) {
  return bundle.lines.get(`${run} ${scope} ${state}`);
}

/**
 * The numbers of each part of a line, by rank: NaN is absent, infinity undefined.
 * @returns {number[][]}
 */
function numbersOfLine(data, bundle, line) {
  const { points, parts, bytes } = bundle;
  const size = bytes.length / 2;
  const encodings = bundle.encodings[data.modelOf[line.run]];
  return encodings.map(([spacing, low, step], part) => {
    const start = (line.place * parts + part) * points;
    let code = 0;
    return line.ranks.map((_, i) => {
      code = (code + (bytes[start + i] << 8) + bytes[size + start + i]) & 0xffff;
      return decode(code, { spacing, low, step });
    });
  });
}

/** A model's last checkpoint over a text; undefined if it has none. */
function lastOver(data, model, corpus) {
  return data.models[model].newest.find((run) => data.runs[run].corpus === corpus);
}
