// Bands around lines: 95 % intervals, and the spread over seeds, which has edges.

// More than this hide each other.
const MOST_BANDS = 8;

/** Which bands are drawn: intervals where all lines are few, those over seeds where groups are. */
function bandsOf(series) {
  const groups = series.filter(({ points }) => points.some(({ cell }) => cell.seeds));
  return { sure: series.length <= MOST_BANDS, seeds: groups.length <= MOST_BANDS };
}

/** What the bands of a chart are. */
function bandWords(series, bands) {
  const points = series.flatMap((one) => one.points);
  const sure = bands.sure && points.some(({ cell }) => !Number.isNaN(cell.low));
  const seeds = bands.seeds && points.some(({ cell }) => Number.isFinite(cell.seeds?.low));
  if (seeds) return sure ? "Bands with edges are over seeds, the others are 95 % intervals." : "Bands are over seeds, not 95 % intervals.";
  return sure ? "Bands are 95 % intervals." : "";
}

/** Draws the bands of an unbroken part of a line, behind it. */
function drawBands(group, part, { x, y, bands }) {
  const sure = part.filter(({ cell }) => !Number.isNaN(cell.low));
  if (bands.sure && sure.length > 1) {
    group.append(svg("path", { d: bandPath(sure, x, y, ({ cell }) => cell), class: "band" }));
  }
  const seeds = part.filter(({ cell }) => Number.isFinite(cell.seeds?.low));
  if (!bands.seeds || seeds.length < 2) return;
  group.append(svg("path", { d: bandPath(seeds, x, y, ({ cell }) => cell.seeds), class: "band" }));
  for (const end of ["low", "high"]) {
    const places = seeds.map(({ x: place, cell }) => [x.at(place), y.at(cell.seeds[end])]);
    group.append(svg("path", { d: pathOf(places), class: "edge" }));
  }
}

function bandPath(points, x, y, ends) {
  const above = points.map((point) => [x.at(point.x), y.at(ends(point).high)]);
  const below = points.map((point) => [x.at(point.x), y.at(ends(point).low)]).reverse();
  return `${pathOf([...above, ...below])}Z`;
}
