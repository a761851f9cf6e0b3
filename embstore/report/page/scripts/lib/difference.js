// B − A for two profiles: what `embstore compare` says where it takes errors as independent.
//
// Layers of one number are compared where both have equally many blocks, else depths: those of
// the shallower, with the deeper drawn out between its layers. The mean is over all blocks of
// each. Errors of a mean are taken to be as large as if its layers moved as one.

/**
 * @typedef {{layer: number, depth: number, value: number, error: number}} Place  NaN: unknown
 * @typedef {{places: Place[], blocks: number, windows: number, estimate?: boolean}} Profile
 *   estimate: of a dimension, which peaks in a block
 * @typedef {{a: number, b: number, difference: number, low: number, high: number,
 *   differs: boolean | null, errors: string, depth?: number, layer?: number | null}} Difference
 */

/**
 * @param {Profile} a @param {Profile} b
 * @returns {{layers: Difference[], mean: Difference, peak: Difference}}
 */
function compareProfiles(a, b) {
  const windows = [a.windows, b.windows];
  const layers = matched(a, b).map(({ layer, depth, places }) => ({ layer, depth, ...differenceOf(...places, windows) }));
  return {
    layers,
    mean: differenceOf(...meansOf(a, b), windows),
    peak: differenceOf(peakOf(a), peakOf(b), windows),
  };
}

function matched(a, b) {
  if (a.blocks === b.blocks) {
    return a.places.flatMap((place) => {
      const other = b.places.find(({ layer }) => layer === place.layer);
      return other ? [{ layer: place.layer, depth: place.depth, places: [place, other] }] : [];
    });
  }
  const grid = a.blocks < b.blocks ? a : b;
  return grid.places.map(({ depth }) => ({ layer: null, depth, places: [at(a, depth), at(b, depth)] }));
}

/** A profile between two layers; unknown beyond its first and last. */
function at({ places }, depth) {
  const above = places.findIndex((place) => place.depth >= depth - 1e-9);
  if (above < 0) return { value: NaN, error: NaN };
  if (places[above].depth - depth <= 1e-9) return places[above];
  if (above === 0) return { value: NaN, error: NaN };
  const [before, after] = [places[above - 1], places[above]];
  const share = (depth - before.depth) / (after.depth - before.depth);
  const mixed = (key) => (1 - share) * before[key] + share * after[key];
  return { value: mixed("value"), error: mixed("error") };
}

function meansOf(a, b) {
  let own = [a, b].map(({ places }) => places.filter(({ depth, value }) => depth > 0 && !Number.isNaN(value)));
  if (a.blocks === b.blocks) {
    own = own.map((places, side) => places.filter(({ layer }) => own[1 - side].some((other) => other.layer === layer)));
  }
  return own.map((places) => ({ value: mean(places.map((p) => p.value)), error: mean(places.map((p) => p.error)) }));
}

/** The highest layer, the embedding included unless it is an estimate of dimension; the lowest of those that tie. */
function peakOf({ places, estimate = false }) {
  const known = places.filter(({ layer, value }) => !Number.isNaN(value) && !(estimate && layer === 0));
  return known.reduce((top, place) => (place.value > top.value ? place : top), known[0] ?? { value: NaN, error: NaN });
}

function differenceOf(a, b, windows) {
  const difference = b.value - a.value;
  const error = Math.hypot(a.error, b.error);
  const reach = error * studentReach(welchFreedom([a.error, b.error], windows));
  const [low, high] = [difference - reach, difference + reach];
  const differs = Number.isNaN(low) ? null : low > 0 || high < 0;
  return { a: a.value, b: b.value, difference, low, high, differs, errors: "independent" };
}

/** Degrees of freedom of a difference of two means (Welch, Satterthwaite). */
function welchFreedom(errors, windows) {
  const squares = errors.map((error) => error ** 2);
  const total = squares[0] + squares[1];
  if (!total) return Infinity;
  return 1 / squares.reduce((sum, square, side) => sum + (square / total) ** 2 / Math.max(windows[side] - 1, 1), 0);
}

/**
 * How many standard errors a 95 % interval reaches to either side: Student's t, by Hill (1970,
 * Algorithm 396), to five digits.
 */
function studentReach(n) {
  const p = 0.05;
  if (!Number.isFinite(n)) return n === Infinity ? NORMAL_REACH : NaN;
  if (n === 1) return 12.7062047;
  if (n === 2) return 4.30265273;
  const a = 1 / (n - 0.5);
  const b = 48 / a ** 2;
  let c = ((20700 * a / b - 98) * a - 16) * a + 96.36;
  const d = ((94.5 / (b + c) - 3) / b + 1) * Math.sqrt((a * Math.PI) / 2) * n;
  let y = (d * p) ** (2 / n);
  if (y > 0.05 + a) {
    const x = -NORMAL_REACH;
    y = x ** 2;
    if (n < 5) c += 0.3 * (n - 4.5) * (x + 0.6);
    c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c;
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x;
    y = Math.expm1(a * y ** 2);
  } else {
    y = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * ((n + 1) / (n + 2)) + 1 / y;
  }
  return Math.sqrt(n * y);
}

const NORMAL_REACH = 1.959963985;

/** The middle value; NaN of none. */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

function mean(values) {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN;
}
