// Pickers of some out of many: check boxes for what has names, a range for what has an order.

/**
 * Check boxes in a box that scrolls, folded away.
 * @param {{noun: string, items: {value: number, label: string}[], filtered: boolean}} options
 * @param {Set<number>} chosen
 * @param {() => void} onchange
 */
function boxPicker({ noun, items, filtered }, chosen, onchange) {
  const summary = el("summary");
  const changed = () => {
    summary.textContent = `${plural(chosen.size, noun)} of ${count(items.length)}`;
    onchange();
  };
  const boxes = items.map(({ value, label }) => {
    const box = checkbox(name(label), chosen.has(value), (checked) => {
      if (checked) chosen.add(value);
      else chosen.delete(value);
      changed();
    });
    return { ...box, label: label.toLowerCase(), value };
  });
  const visible = () => boxes.filter((box) => !box.element.hidden);
  const setAll = (checked) => {
    for (const { field, value } of visible()) {
      field.checked = checked;
      if (checked) chosen.add(value);
      else chosen.delete(value);
    }
    changed();
  };
  const filter = el("input", {
    type: "search",
    oninput: (event) => {
      for (const box of boxes) box.element.hidden = !box.label.includes(event.target.value.toLowerCase());
      announce(plural(visible().length, noun));
    },
  });
  summary.textContent = `${plural(chosen.size, noun)} of ${count(items.length)}`;
  return el(
    "details",
    { class: "boxes-of" },
    summary,
    el(
      "fieldset",
      { class: "models" },
      el("legend", {}, `${noun[0].toUpperCase()}${noun.slice(1)}s`),
      el(
        "div",
        { class: "tools" },
        filtered ? labelled(`Filter ${noun}s`, filter) : null,
        button("All", () => setAll(true), { "aria-label": `Choose all ${noun}s shown` }),
        button("None", () => setAll(false), { "aria-label": `Choose none of the ${noun}s shown` }),
      ),
      el("div", { class: "boxes" }, boxes.map((box) => box.element)),
    ),
  );
}

/** A labelled slider over places; `words` says what a place is. */
function slider(label, { last, value, words }, oninput) {
  // The slider itself is read out.
  const said = el("output", { "aria-live": "off" }, words(value));
  const field = el("input", { type: "range", min: 0, max: last, step: 1, value, "aria-valuetext": words(value) });
  const show = (place) => {
    field.value = String(place);
    said.textContent = words(place);
    field.setAttribute("aria-valuetext", words(place));
  };
  field.addEventListener("input", () => {
    show(Number(field.value));
    oninput(Number(field.value));
  });
  const element = labelled(label, field);
  element.classList.add("slider");
  element.append(said);
  return { element, field, show };
}

const EVERY = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16];

/**
 * From, to, and every how many.
 * @param {{noun: string, words: (place: number) => string, last: number}} options
 * @param {{from: number, to: number, every: number}} range
 * @param {() => void} onchange
 */
function rangePicker({ noun, words, last }, range, onchange) {
  const from = slider(`From ${noun}`, { last, value: range.from, words }, (place) => {
    range.from = place;
    if (range.to < place) to.show((range.to = place));
    onchange();
  });
  const to = slider(`To ${noun}`, { last, value: range.to, words }, (place) => {
    range.to = place;
    if (range.from > place) from.show((range.from = place));
    onchange();
  });
  const steps = EVERY.filter((n) => n === 1 || n <= last || n === range.every);
  const options = [...new Set([...steps, range.every])].sort((a, b) => a - b);
  const every = select(
    "Every",
    options.map((value) => ({ value, label: value === 1 ? `${noun}` : `${count(value)} ${noun}s` })),
    range.every,
    (value) => {
      range.every = Number(value);
      onchange();
    },
  );
  return el("div", { class: "controls range", role: "group", "aria-label": `${noun}s` }, from.element, to.element, every.element);
}

/** The places that a range chooses, its last always among them. */
function placesOf({ from, to, every }) {
  const places = [];
  for (let place = from; place < to; place += every) places.push(place);
  return [...places, to];
}
