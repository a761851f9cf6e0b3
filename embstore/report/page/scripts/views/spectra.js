// Spectra: the share of the variance by rank, both by their logarithm.

const SHARE = { title: "Share of variance", unit: "1", upper: "1" };
const MOST_NAMED = 4;

/** @param {Data} data @param {Element} host */
function spectraView(data, host) {
  const bundle = data.spectra;
  return layersView(data, host, {
    bundle,
    noun: "spectra",
    metric: SHARE,
    xTitle: () => "Rank of the principal direction",
    caption: (words) => `share of the variance by rank, ${words} Both axes are logarithmic.`,
    controls: () => [],
    pointsOf: (line) => spectrumPoints(data, bundle, line),
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
  const named = lines.map((line) => ({
    where: stateName(data.models[data.modelOf[line.run]], line.state),
    points: spectrumPoints(data, bundle, line),
    ranks: line.ranks,
  }));
  const short = named.filter(({ points, ranks }) => points.at(-1)?.rank !== ranks.at(-1)).map(({ where }) => where);
  const firsts = named.filter(({ points }) => points.length).map(({ where, points }) => [points[0].cell.value, where]);
  return [
    firstWords(firsts),
    short.length ? `Where a line ends early (${short.join(", ")}), the rest is no more than rounding.` : "",
  ].join(" ").trim();
}

/** What the first direction carries: in each of a few layers, else in the one where it is most. */
function firstWords(firsts) {
  if (!firsts.length) return "";
  if (firsts.length > MOST_NAMED) {
    const [share, where] = firsts.reduce((top, one) => (one[0] > top[0] ? one : top));
    return `Of these layers, the first direction carries most in ${where}: ${show(share)} of the variance.`;
  }
  const [[share, where], ...others] = firsts;
  const rest = others.map((one) => `, ${show(one[0])} in ${one[1]}`).join("");
  return `The first direction carries ${show(share)} of the variance in ${where}${rest}.`;
}
