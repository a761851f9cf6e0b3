// Unpacks the data, fills the sections, and draws again when the room changes.

const WAITING = 200;

async function start() {
  if (!("DecompressionStream" in window)) {
    refuse("This browser is too old for the charts and tables: it needs one of 2023 or later.");
    return;
  }
  const data = await loadData();
  const host = (id) => document.getElementById(id);
  coverageView(data, host("coverage-view"));
  runsView(data, host("runs-view"));
  metricsView(data, host("metrics-view"));
  const drawn = [
    profilesView(data, host("profiles-view")),
    trainingView(data, host("training-view")),
    compareView(data, host("compare-view")),
    spectraView(data, host("spectra-view")),
    scalesView(data, host("scales-view")),
    massiveView(data, host("massive-view")),
  ];
  redrawOnResize(drawn);
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
