// Makes elements, and writes numbers. Text only ever becomes text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. Properties starting with "on" are listeners; null and false are left out.
 * @param {string} tag
 * @param {object} [properties]
 * @param {...(Node|string|number)} children
 * @returns {HTMLElement}
 */
function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same for SVG. */
function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null).map(childOf));
  return element;
}

function childOf(child) {
  return child instanceof Node ? child : String(child);
}

/** A name from outside, kept from turning the text around it. */
function name(text) {
  return el("bdi", {}, text);
}

let spoken = 0;

/** Tells a screen reader what changed. */
function announce(text) {
  const live = document.getElementById("live");
  clearTimeout(spoken);
  spoken = setTimeout(() => {
    live.textContent = text;
  }, 150);
}

/** Four significant digits, as many as the page carries; text as it is. */
function show(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "number" ? digits(value, 4) : String(value);
}

/** Three significant digits, as sentences have them. */
function brief(value) {
  return digits(value, 3);
}

function digits(value, n) {
  if (!Number.isFinite(value)) return "";
  const size = Math.abs(value);
  if (Number.isInteger(value) && n === 4) return count(value);
  const rounded = Number(value.toPrecision(n));
  if (value && (size >= 1e6 || size < 1e-4)) return minus(value.toExponential(n - 1).replace(/\.?0+e/, "e"));
  return size >= 1000 ? count(rounded) : minus(String(rounded));
}

/** A number's text with a true minus sign. */
function minus(text) {
  return text.replaceAll("-", "−");
}

// Made once: to make one for each of a heat map's cells takes longer than to draw them.
const THOUSANDS = new Intl.NumberFormat("en-US");

/** A whole number with its thousands set apart. */
function count(value) {
  return minus(THOUSANDS.format(value));
}

/** "1 value", "2 values". */
function plural(n, noun) {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

let fields = 0;

/** A control with its label above it. */
function labelled(label, control) {
  fields += 1;
  control.id = `field-${fields}`;
  return el("div", { class: "field" }, el("label", { for: control.id }, label), control);
}

/** A labelled select; options are {value, label}. */
function select(label, options, value, onchange) {
  const field = el(
    "select",
    { onchange: (event) => onchange(event.target.value) },
    options.map((option) =>
      el("option", { value: option.value, selected: String(option.value) === String(value) }, option.label),
    ),
  );
  return { element: labelled(label, field), field };
}

/** A labelled check box. */
function checkbox(label, checked, onchange) {
  const box = el("input", { type: "checkbox", checked, onchange: (e) => onchange(e.target.checked) });
  return { element: el("label", { class: "check" }, box, el("span", {}, label)), field: box };
}

function button(label, onclick, properties = {}) {
  return el("button", { type: "button", onclick, ...properties }, label);
}
