// Dimension by scale: the Gride estimate over neighbours further and further away.

const DIMENSION = { title: "Intrinsic dimension by Gride", unit: "dimensions", upper: "inf" };

/** @param {Data} data @param {Element} host */
function scalesView(data, host) {
  const bundle = data.scales;
  const across = [{ value: "distance", label: "mean distance" }, { value: "rank", label: "rank of the neighbour" }];
  return layersView(data, host, {
    section: "scales",
    bundle,
    noun: "dimensions by scale",
    choices: { axis: "distance", log: false },
    codecs: { axis: oneOf(["distance", "rank"]), log: yesOrNo() },
    metric: DIMENSION,
    xTitle: ({ axis }) =>
      axis === "rank" ? "Rank k of the nearer neighbour" : "Mean distance to the k-th and 2k-th neighbour",
    caption: (words) => `intrinsic dimension by scale, ${words} Scales are spaced by their logarithm.`,
    controls: (set, view) => [
      select("Across", across, view.axis, set("axis", String)).element,
      checkbox("Logarithmic values", view.log, set("log", Boolean)).element,
    ],
    pointsOf: (line, { axis }) => scalePoints(data, bundle, line, axis),
    title: (lines) => scaleWords(data, bundle, lines),
    note: () => data.shortfall,
    xScale: (_, points, range) => {
      const [low, high] = extent(points.map((point) => point.x));
      return low > 0 ? logScale([low, high], range) : evenScale([0, 1], range);
    },
    columns: [
      { key: "mean_distance", label: "Mean distance" },
      { key: "dimension", label: "Dimension" },
      { key: "ci_low", label: "Interval from" },
      { key: "ci_high", label: "to" },
    ],
    rowOf: ({ cell, distance }) => ({
      mean_distance: Number.isFinite(distance) ? distance : null,
      dimension: cell.status === "value" ? cell.value : null,
      ci_low: cell.low,
      ci_high: cell.high,
    }),
    filename: "dimension-by-scale.csv",
    logOf: ({ log }) => log,
  });
}

/** What the dimension is at the nearest and at the furthest neighbours of the chosen layers. */
function scaleWords(data, bundle, lines) {
  const known = lines.map((line) => numbersOfLine(data, bundle, line)[0].filter(Number.isFinite)).filter((numbers) => numbers.length);
  if (!known.length) return "";
  const span = (values) => {
    const [low, high] = extent(values).map(brief);
    return low === high ? low : `${low} to ${high}`;
  };
  const [near, far] = [0, -1].map((place) => span(known.map((numbers) => numbers.at(place))));
  return `The dimension is ${near} at the nearest neighbours and ${far} at the furthest.`;
}

function scalePoints(data, bundle, line, axis) {
  const [dimensions, lows, highs, distances] = numbersOfLine(data, bundle, line);
  return line.ranks.map((rank, i) => {
    const known = Number.isFinite(dimensions[i]);
    const cell = {
      status: known ? "value" : "undefined",
      value: known ? dimensions[i] : NaN,
      low: known && Number.isFinite(lows[i]) ? lows[i] : NaN,
      high: known && Number.isFinite(highs[i]) ? highs[i] : NaN,
    };
    const where = `neighbours ${count(rank)} and ${count(2 * rank)}, mean distance ${show(distances[i]) || "undefined"}`;
    return { x: axis === "rank" ? rank : distances[i], rank, cell, distance: distances[i], where };
  });
}
