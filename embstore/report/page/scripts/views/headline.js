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

/** "Anisotropy: highest 0.99 in layer 12 of model, all tokens." */
function highestWords(data, metric, series) {
  const points = series.flatMap(({ label, points: own }) => own.map((point) => ({ ...point, label })));
  const known = points.filter(({ cell, joined }) => joined && cell.status === "value");
  const { title } = data.metrics[metric];
  if (!known.length) return `${title}: nothing was measured`;
  const top = known.reduce((best, point) => (point.cell.value > best.cell.value ? point : best));
  return `${title} is highest in ${withArticle(top.where)} of ${top.label}: ${brief(top.cell.value)}`;
}
