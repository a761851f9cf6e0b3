// A table that sorts, filters, turns pages and downloads.

// A page of rows that a thumb gets past.
const PHONE = 480;
const ROWS_OF_A_PHONE = 10;

/**
 * @typedef {{key: string, label: string, hidden?: boolean, name?: boolean,
 *   tight?: boolean, missing?: string}} Column  hidden: in the download only; name: from
 *   outside; tight: never broken; missing: what a cell without a number says
 * @typedef {{caption: string, columns: Column[], rows: object[], filename: string, name?: string,
 *   pageSize?: number, filter?: boolean, pick?: (row: object) => void, pickName?: (row: object) => string,
 *   empty?: string}} TableOptions
 */

/**
 * Makes a table. Hidden columns are in the download only. How it is sorted and filtered is in the
 * page's address, under its name.
 * @param {TableOptions} options
 * @returns {HTMLElement}
 */
function makeTable(options) {
  const { caption, rows, filename } = options;
  const pageSize = window.innerWidth < PHONE ? ROWS_OF_A_PHONE : options.pageSize ?? 20;
  if (!rows.length) return el("p", { class: "empty" }, options.empty ?? `${caption}: none.`);
  const columns = options.columns.filter((column) => !column.hidden);
  const view = { sort: null, down: false, page: 0, filter: "" };
  const save = addressed(`table-${options.name ?? filename.replace(".csv", "")}`, view, {
    sort: oneOrNone(columns.map(({ key }) => key)),
    down: yesOrNo(),
    ...(options.filter ? { filter: anyText() } : {}),
  });
  const body = el("tbody");
  const headers = columns.map((column) => headerOf(column, () => sortBy(column)));
  const where = el("p", { class: "where" });
  const pages = () => Math.max(1, Math.ceil(shown().length / pageSize));
  const earlier = button("Previous", () => turn(-1));
  const later = button("Next", () => turn(1));

  function shown() {
    const wanted = view.filter.toLowerCase();
    const found = rows.filter((row) =>
      columns.some((column) => String(row[column.key] ?? "").toLowerCase().includes(wanted)),
    );
    if (view.sort) found.sort((a, b) => compareCells(a[view.sort], b[view.sort], view.down));
    return found;
  }

  function draw() {
    const found = shown();
    view.page = Math.min(view.page, pages() - 1);
    const start = view.page * pageSize;
    const part = found.slice(start, start + pageSize);
    body.replaceChildren(...part.map((row) => rowOf(row, columns, options)));
    const end = start + part.length;
    where.textContent = part.length
      ? `Rows ${count(start + 1)} to ${count(end)} of ${count(found.length)}`
      : "No row fits the filter";
    earlier.disabled = view.page === 0;
    later.disabled = end >= found.length;
    columns.forEach((column, place) => {
      const sorted = view.sort === column.key;
      headers[place].setAttribute("aria-sort", sorted ? (view.down ? "descending" : "ascending") : "none");
    });
  }

  function sortBy(column) {
    view.down = view.sort === column.key ? !view.down : false;
    view.sort = column.key;
    view.page = 0;
    draw();
    save();
    announce(`${caption}: sorted by ${column.label}, ${view.down ? "descending" : "ascending"}.`);
  }

  function turn(by) {
    view.page += by;
    draw();
    announce(where.textContent);
  }

  const filter = el("input", {
    type: "search",
    value: view.filter,
    oninput: (event) => {
      view.filter = event.target.value;
      view.page = 0;
      draw();
      save();
      announce(where.textContent);
    },
  });
  const tools = el(
    "div",
    { class: "tools" },
    options.filter ? labelled("Filter rows", filter) : null,
    button("Download CSV", () => download(filename, csvOf(options.columns, shown()))),
    rows.length > pageSize ? el("span", { class: "pager" }, earlier, later) : null,
  );
  const head = el("tr", {}, headers, options.pick ? el("td", { class: "picks" }) : null);
  const table = el(
    "table",
    {},
    el("caption", {}, el("span", {}, caption)),
    el("thead", {}, head),
    body,
  );
  draw();
  const scroll = { class: "scroll", role: "region", "aria-label": caption, tabindex: 0 };
  return el("div", { class: "table" }, tools, el("div", scroll, table), where);
}

function headerOf(column, onclick) {
  return el("th", { scope: "col", "aria-sort": "none" }, button(column.label, onclick));
}

function rowOf(row, columns, options) {
  const cells = columns.map((column) => cellElement(row[column.key], column));
  if (options.pick) {
    const label = `Provenance of ${options.pickName(row)}`;
    cells.push(el("td", { class: "picks" }, button("Provenance", () => options.pick(row), { "aria-label": label })));
  }
  return el("tr", {}, cells);
}

function cellElement(value, column) {
  if (column.missing && !Number.isFinite(value)) return el("td", { class: "missing" }, column.missing);
  if (typeof value === "number") return el("td", { class: "number" }, show(value));
  if (column.name) return el("td", { class: "name" }, name(value ?? ""));
  if (column.tight) return el("td", { class: "tight" }, show(value));
  return el("td", { class: MISSING_WORDS.has(value) ? "missing" : null }, show(value));
}

/** Numbers by size, texts as people sort them; what is missing goes last either way. */
function compareCells(a, b, down) {
  const none = (value) => value === null || value === undefined || Number.isNaN(value) || value === "";
  if (none(a) || none(b)) return none(a) - none(b);
  const numbers = typeof a === "number" && typeof b === "number";
  const order = numbers ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  return down ? -order : order;
}

/** A table that is only made when it is opened. */
function folded(summary, make) {
  const element = el("details", { class: "numbers" }, el("summary", {}, summary));
  element.addEventListener("toggle", () => {
    if (element.open && element.children.length === 1) element.append(make());
  });
  return element;
}
