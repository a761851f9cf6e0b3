// Saves a chart as a file: its title, plot and legend as one SVG, or that as PNG.

const SAVE_AS = ["PNG", "SVG"];
// Dots for each unit of the plot: enough for print at a column's width.
const DOTS = 3;
const EDGE = 16;
const LINE = 18;

// What the style sheet decides and a file has to say itself.
const KEPT = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity", "visibility", "font-size",
  "font-weight", "text-anchor", "dominant-baseline",
];

function saveButton(kind, picture) {
  const label = () => `Save as ${kind}: ${picture().caption}`;
  return button(`Save ${kind}`, () => savePicture(kind, picture()), { "aria-label": label() });
}

async function savePicture(kind, picture) {
  const whole = wholePicture(picture);
  const text = new XMLSerializer().serializeToString(whole);
  const file = new Blob([text], { type: "image/svg+xml;charset=utf-8" });
  if (kind === "SVG") saveFile(`${picture.filename}.svg`, file);
  else saveFile(`${picture.filename}.png`, await rasterised(file, whole));
}

/** The SVG as PNG, with as many dots as print needs. */
async function rasterised(file, whole) {
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = DOTS * Number(whole.getAttribute("width"));
  canvas.height = DOTS * Number(whole.getAttribute("height"));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/** Title, plot, legend and caption below each other, with every style written out. */
function wholePicture({ root, legend, title, caption }) {
  const plot = styled(root);
  const inner = root.viewBox.baseVal.width;
  const width = inner + 2 * EDGE;
  const page = getComputedStyle(document.body);
  const font = page.fontFamily;
  const measured = document.createElement("canvas").getContext("2d");
  const whole = svg("svg", { "font-family": font, role: "img", "aria-label": `${title} ${caption}`.trim() });
  const ground = svg("rect", { width: "100%", height: "100%", fill: page.backgroundColor });
  whole.append(ground);
  let top = EDGE;
  const write = (text, size, weight, color) => {
    measured.font = `${weight} ${size}px ${font}`;
    for (const line of wrapped(text, inner, (part) => measured.measureText(part).width)) {
      top += LINE;
      whole.append(svg("text", { x: EDGE, y: top, "font-size": size, "font-weight": weight, fill: color }, line));
    }
  };
  const shown = title || document.getElementById(root.closest("section").getAttribute("aria-labelledby")).textContent;
  write(shown, 15, 600, page.color);
  top += 6;
  for (const [key, value] of Object.entries({ x: EDGE, y: top, width: inner, height: root.viewBox.baseVal.height })) plot.setAttribute(key, value);
  whole.append(plot);
  top += root.viewBox.baseVal.height;
  top = drawEntries(whole, legend, { top, inner, measured, font, color: page.color });
  write(caption, 12, 400, getComputedStyle(legend.parentElement.querySelector("figcaption")).color);
  const height = Math.ceil(top + EDGE);
  for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) whole.setAttribute(key, value);
  return whole;
}

/** Lays the legend's entries out in lines; returns where they end. */
function drawEntries(whole, legend, { top, inner, measured, font, color }) {
  let [x, y] = [0, top];
  measured.font = `400 12.5px ${font}`;
  for (const entry of legend.querySelectorAll("li")) {
    const parts = [...entry.childNodes].map((node) => {
      const drawn = node instanceof SVGElement;
      return { node, drawn, width: drawn ? Number(node.getAttribute("width")) : measured.measureText(node.textContent).width };
    });
    const width = parts.reduce((sum, part) => sum + part.width + 6, 12);
    if (x === 0 || x + width > inner) [x, y] = [0, y + LINE];
    let at = EDGE + x;
    for (const part of parts) {
      if (part.drawn) {
        const sample = styled(part.node);
        sample.setAttribute("x", at);
        sample.setAttribute("y", y - 10);
        whole.append(sample);
      } else {
        whole.append(svg("text", { x: at, y, "font-size": 12.5, fill: color }, part.node.textContent));
      }
      at += part.width + 6;
    }
    x += width;
  }
  return y + 4;
}

/** A copy of drawn elements that needs no style sheet. */
function styled(root) {
  const copy = root.cloneNode(true);
  const copies = [copy, ...copy.querySelectorAll("*")];
  [root, ...root.querySelectorAll("*")].forEach((element, place) => {
    const style = getComputedStyle(element);
    for (const key of KEPT) copies[place].setAttribute(key, style.getPropertyValue(key));
    for (const key of ["class", "style", "tabindex", "role"]) copies[place].removeAttribute(key);
  });
  return copy;
}

/** Breaks a text into lines that fit. */
function wrapped(text, width, widthOf) {
  const lines = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line ? `${line} ${word}` : word;
    if (line && widthOf(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line ? [...lines, line] : lines;
}
