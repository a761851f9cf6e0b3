// Spectra: the share of the variance by rank, both by their logarithm.

const SHARE = { title: "Share of variance", unit: "1", upper: "1" };
const MOST_NAMED = 4;

/** @param {Data} data @param {Element} host */
function spectraView(data, host) {
  const bundle = data.spectra;
  return layersView(data, host, {
    section: "spectra",
    bundle,
    noun: "spectra",
    choices: {},
    codecs: {},
    metric: SHARE,
    xTitle: () => "Rank of the principal direction",
    caption: (words) => `share of the variance by rank, ${words} Both axes are logarithmic.`,
    controls: () => [],
    pointsOf: (line) => spectrumPoints(data, bundle, line),
    title: (lines) => firstWords(firstShares(data, bundle, lines)),
    note: (lines) => spectraNote(data, bundle, lines),
    xScale: (_, points, range) => logScale([1, Math.max(2, ...points.map((point) => point.rank))], range),
    columns: [
      { key: "share", label: "Share of variance" },
      { key: "eigenvalue", label: "Eigenvalue" },
    ],
    rowOf: ({ cell, trace }) => ({ share: cell.value, eigenvalue: cell.value * trace }),
    filename: "spectra.csv",
    logOf: () => true,
  });
}

/** A share that rounding could have made has no place on a logarithmic axis. */
function spectrumPoints(data, bundle, line) {
  const [logs] = numbersOfLine(data, bundle, line);
  return line.ranks.flatMap((rank, i) => {
    if (!Number.isFinite(logs[i])) return [];
    const cell = { status: "value", value: 10 ** logs[i], low: NaN, high: NaN };
    return [{ x: rank, rank, cell, trace: line.trace, where: `rank ${count(rank)} of ${count(line.ranks.at(-1))}` }];
  });
}

function spectraNote(data, bundle, lines) {
  const short = lines.filter((line) => spectrumPoints(data, bundle, line).at(-1)?.rank !== line.ranks.at(-1));
  const where = short.map((line) => stateName(data.models[data.modelOf[line.run]], line.state));
  return where.length ? `Where a line ends early (${where.join(", ")}), the rest is no more than rounding.` : "";
}

/** The share of the first direction in each layer, with the layer's name. */
function firstShares(data, bundle, lines) {
  return lines.flatMap((line) => {
    const [first] = spectrumPoints(data, bundle, line);
    return first ? [[first.cell.value, withArticle(stateName(data.models[data.modelOf[line.run]], line.state))]] : [];
  });
}

/** What the first direction carries: in each of a few layers, else in the one where it is most. */
function firstWords(firsts) {
  if (!firsts.length) return "";
  if (firsts.length > MOST_NAMED) {
    const [share, where] = firsts.reduce((top, one) => (one[0] > top[0] ? one : top));
    return `Of these layers, the first direction carries most in ${where}: ${brief(share)} of the variance.`;
  }
  const [[share, where], ...others] = firsts;
  const rest = others.map((one) => `, ${brief(one[0])} in ${one[1]}`).join("");
  return `The first direction carries ${brief(share)} of the variance in ${where}${rest}.`;
}
