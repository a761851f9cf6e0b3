// Maps numbers to places and colours.

// Viridis at even distances, from van der Walt and Smith's table.
const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 73, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
];

/**
 * @typedef {{at: (value: number) => number, ticks: number[], format: (value: number) => string,
 *   domain: number[]}} Scale
 */

/** An even scale whose ends are round. */
function evenScale([low, high], [start, end], wanted = 5) {
  const step = roundStep((high - low || Math.abs(high) || 1) / wanted);
  const first = Math.floor(low / step + 1e-9) * step;
  const last = Math.max(Math.ceil(high / step - 1e-9) * step, first + step);
  const ticks = [];
  for (let i = 0; first + i * step <= last + step / 2; i += 1) ticks.push(Number((first + i * step).toPrecision(12)));
  const at = (value) => start + ((value - first) / (last - first)) * (end - start);
  return { at, ticks, format: tickWords, domain: [first, last] };
}

function roundStep(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 5, 10].find((factor) => factor * power >= step * 0.999) * power;
}

/** A logarithmic scale; needs positive numbers. */
function logScale([low, high], [start, end]) {
  const first = Math.log10(low);
  const last = Math.max(Math.log10(high), first + 0.05);
  const ticks = [];
  for (let power = Math.floor(first); power <= last; power += 1) {
    for (const factor of last - first > 3 ? [1] : [1, 2, 5]) {
      const tick = factor * 10 ** power;
      if (Math.log10(tick) >= first - 0.01 && Math.log10(tick) <= last + 0.01) ticks.push(tick);
    }
  }
  const at = (value) => start + ((Math.log10(value) - first) / (last - first)) * (end - start);
  return { at, ticks: ticks.length > 2 ? ticks : fewTicks(low, high), format: tickWords, domain: [low, Math.max(high, 10 ** last)] };
}

/** Round numbers between two that are less than some fold apart; at least these two. */
function fewTicks(low, high) {
  const ticks = evenScale([low, high], [0, 1], 4).ticks.filter((tick) => tick >= low && tick <= high);
  return ticks.length > 1 ? ticks : [low, high];
}

/** Pixels for the label of a step. */
const STEP_LABEL = 45;

/** Steps of training: even in log(1 + step), so that the early ones are seen. */
function stepScale(steps, [start, end]) {
  const last = Math.log1p(Math.max(...steps, 1));
  const first = Math.log1p(Math.min(...steps));
  const inside = [0, 1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].filter(
    (tick) => Math.log1p(tick) >= first - 1e-9 && Math.log1p(tick) <= last + 1e-9,
  );
  const at = (value) => start + ((Math.log1p(value) - first) / (last - first || 1)) * (end - start);
  // Between neighbouring powers of ten there is room for one label, or not.
  const skip = every(inside.length, (end - start) / STEP_LABEL);
  const round = inside.filter((_, place) => place % skip === 0);
  const ticks = inside.length > 1 ? round : apart([...new Set(steps)].sort((a, b) => a - b), at);
  return { at, ticks, format: stepWords, domain: [Math.min(...steps), Math.max(...steps)] };
}

/** The steps whose labels do not touch, from the first on: where no two round numbers are among them. */
function apart(steps, at) {
  const kept = [];
  for (const step of steps) if (!kept.length || at(step) - at(kept.at(-1)) >= STEP_LABEL) kept.push(step);
  return kept;
}

/** A number that fits beside an axis. */
function tickWords(value) {
  return Math.abs(value) >= 1e6 ? minus(Number(value.toPrecision(4)).toExponential().replace("e+", "e")) : show(value);
}

/** A step in as few characters as tell it. */
function stepWords(step) {
  if (step >= 1e6 && step % 1e5 === 0) return `${count(step / 1e6)}M`;
  return step >= 1e4 && step % 1e3 === 0 ? `${count(step / 1e3)}k` : count(step);
}

/** A colour of viridis for a share from 0 to 1. */
function viridis(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const mixed = VIRIDIS[i].map((low, c) => Math.round(low + (VIRIDIS[i + 1][c] - low) * (place - i)));
  return `rgb(${mixed.join(" ")})`;
}

/** Smallest and largest of what is finite. */
function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

/** Every so many labels, so that they do not touch. */
function every(n, room) {
  return Math.max(1, Math.ceil(n / Math.max(1, room)));
}
