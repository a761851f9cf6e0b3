// The title of the chart that comes first: the finding it shows, or what it shows by now.

/**
 * Says what a chart shows. The page's finding is the title while the chart is as the page opens.
 * @param {Data} data @param {Element} host of the view
 * @param {{metric: number}} view
 */
function headlineOf(data, host, view) {
  const lead = host.closest("#overview");
  if (!lead) return () => false;
  const title = lead.querySelector("h2");
  const found = title.textContent;
  const about = host.parentElement.dataset.metric;
  const behind = behindOf(host);
  const opened = JSON.stringify(stateOf(view));
  return (words) => {
    const is = about === data.metrics[view.metric].name && JSON.stringify(stateOf(view)) === opened;
    title.textContent = is ? found : words;
    if (behind) behind.hidden = !is;
    return true;
  };
}

/** What the page says of its title; null where the host is not of the first chart. */
function behindOf(host) {
  return host.closest("#overview")?.querySelector(".behind") ?? null;
}

/** The runs that the page's title is about; none where the host is not of the first chart. */
function runsOfHeadline(host) {
  return JSON.parse(host.closest("#overview") ? host.parentElement.dataset.runs ?? "[]" : "[]");
}

/** What is folded away below a chart, in one row. */
function foldsOf(host, ...folded) {
  return el("div", { class: "folds" }, folded, behindOf(host));
}

/** A hidden state's name as a sentence has it. */
function withArticle(where) {
  return where.replace("embedding", "the embedding");
}

function stateOf(view) {
  return Object.entries(view).map(([key, value]) => [key, value instanceof Set ? [...value].sort() : value]);
}

/**
 * Where a metric is highest among what is drawn: "Anisotropy is highest in layer 12 of model: 0.99".
 * An estimate of dimension is looked at in the blocks only: the embedding's is that of the words read.
 * @param {{of?: string, byDepth?: boolean}} [how]  of: what to say of the choice; byDepth: the axis
 *   has depths, so a layer is told with its own
 */
function highestWords(data, metric, series, { of = "", byDepth = false } = {}) {
  const { title: called, neighbor } = data.metrics[metric];
  const title = neighbor ? `${called} of the blocks` : called;
  const points = series.flatMap(({ label, look, points: own }) => own.map((point) => ({ ...point, label, comma: look.hollow ? "," : "" })));
  const top = peakOfPoints(points);
  if (!top) return `${called} was not measured for this choice`;
  const at = byDepth && top.x ? ` (depth ${brief(top.x)})` : "";
  const where = withArticle(top.where) + at;
  const runs = new Set(series.flatMap(({ points: own }) => own.map(({ run }) => run)));
  if (runs.size === 1) return `${title} of ${top.label}${top.comma} is highest in ${where}: ${brief(top.cell.value)}`;
  const said = of ? `${of}, ${title[0].toLowerCase()}${title.slice(1)}` : title;
  return `${said} is highest in ${where} of ${top.label}: ${brief(top.cell.value)}`;
}

/** The highest of some points, the lowest layer of those that tie; undefined if none has a value. */
function peakOfPoints(points) {
  const known = points.filter(({ cell, joined, aside }) => joined && !aside && cell.status === "value");
  return known.length ? known.reduce((best, point) => (point.cell.value > best.cell.value ? point : best)) : undefined;
}
