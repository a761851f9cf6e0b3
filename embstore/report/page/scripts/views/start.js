// Unpacks the data, fills the sections, and draws again when the room changes.

const WAITING = 200;

const CHARTS = {
  profiles: profilesView,
  checkpoints: checkpointsView,
  training: trainingView,
  compare: compareView,
  spectra: spectraView,
  scales: scalesView,
  massive: massiveView,
};
const TABLES = { coverage: coverageView, runs: runsView, metrics: metricsView };

async function start() {
  if (!("DecompressionStream" in window)) {
    refuse("This browser is too old for the charts and tables: it needs one of 2023 or later.");
    return;
  }
  const data = await loadData();
  // A page has the sections that have content.
  const fill = (id, view) => {
    const host = document.getElementById(`${id}-view`);
    return host ? view(data, host) : null;
  };
  const drawn = Object.entries(CHARTS).map(([id, view]) => fill(id, view));
  for (const [id, view] of Object.entries(TABLES)) fill(id, view);
  drawSparks(data);
  redrawOnResize(drawn.filter(Boolean));
  unfoldToPrint();
  followFolds();
  followSections();
  document.documentElement.dataset.ready = "true";
}

function redrawOnResize(drawn) {
  let width = window.innerWidth;
  let waiting = 0;
  window.addEventListener("resize", () => {
    // A phone's address bar changes the height only.
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => drawn.forEach((draw) => draw()), WAITING);
  });
}

/** Paper cannot be clicked: what is folded away is printed all the same, but for long tables. */
function unfoldToPrint() {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("section > details:not([open]), .findings details:not([open]), .behind:not([open]), .names:not([open])")];
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
}

function refuse(text) {
  for (const empty of document.querySelectorAll(".view > .empty")) empty.textContent = text;
}

// A store without runs has a page without views.
if (document.getElementById("facts")) {
  start().catch((error) => {
    refuse(`The charts and tables could not be made: ${error.message}`);
    throw error;
  });
}
