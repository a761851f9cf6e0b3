// The state of the views in the page's address: a link shows what its sender saw.
//
// Choices are written by name, so that a link holds for a page written again; what a page does
// not know is passed over. What is as the page opens is not written.

const SAVE_AFTER = 250;
const AT = "at";

/** What the address says: texts by "section.choice", and the section it is at. */
const address = saidIn(location.hash);

/**
 * How a choice is written: as texts, and read back; undefined for what the page does not know.
 * @typedef {{write: (value: any) => string[], read: (texts: string[]) => any}} Codec
 */

/** One of some texts. @returns {Codec} */
function oneOf(texts) {
  return { write: (value) => [String(value)], read: ([text]) => (texts.includes(text) ? text : undefined) };
}

/** A place in a list of names. @returns {Codec} */
function placeIn(names) {
  const read = ([text]) => (names.includes(text) ? names.indexOf(text) : undefined);
  return { write: (place) => [String(names[place])], read };
}

/** Some places in a list of names; none is written as one empty text. @returns {Codec} */
function placesIn(names) {
  return {
    write: (places) => (places.size ? [...places].sort((a, b) => a - b).map((place) => names[place]) : [""]),
    read: (texts) => new Set(texts.map((text) => names.indexOf(text)).filter((place) => place >= 0)),
  };
}

/** One of some texts, or none of them: null. @returns {Codec} */
function oneOrNone(texts) {
  return { write: (value) => [value ?? ""], read: ([text]) => (texts.includes(text) ? text : undefined) };
}

/** @returns {Codec} */
function anyText() {
  return { write: (text) => [text], read: ([text]) => text };
}

/** @returns {Codec} */
function yesOrNo() {
  return { write: (on) => [on ? "yes" : "no"], read: ([text]) => ({ yes: true, no: false })[text] };
}

/** A whole number within limits. @returns {Codec} */
function wholeNumber(low, high) {
  const read = ([text]) => (/^\d{1,9}$/.test(text) && text >= low && text <= high ? Number(text) : undefined);
  return { write: (number) => [String(number)], read };
}

/**
 * Sets a view's choices to what the address says, and returns what writes them there.
 * @param {string} section
 * @param {object} view
 * @param {Object<string, Codec>} codecs by choice
 */
function addressed(section, view, codecs) {
  const opened = new Map();
  for (const [choice, codec] of Object.entries(codecs)) {
    const key = `${section}.${choice}`;
    opened.set(key, codec.write(view[choice]).join("\n"));
    const texts = address.getAll(key);
    const said = texts.length ? codec.read(texts) : undefined;
    if (said !== undefined) view[choice] = said;
  }
  return () => {
    for (const [choice, codec] of Object.entries(codecs)) {
      const key = `${section}.${choice}`;
      const texts = codec.write(view[choice]);
      address.delete(key);
      if (texts.join("\n") !== opened.get(key)) for (const text of texts) address.append(key, text);
    }
    saveAddress();
  };
}

let saving = 0;

/** Writes the address soon: browsers refuse to do it at every move of a slider. */
function saveAddress() {
  clearTimeout(saving);
  saving = setTimeout(() => {
    if (String(address) !== location.hash.slice(1)) history.replaceState(null, "", `#${address}`);
  }, SAVE_AFTER);
}

function saidIn(hash) {
  return new URLSearchParams(hash.includes("=") ? hash.slice(1) : hash && `${AT}=${hash.slice(1)}`);
}

/** The choices of an address, without the section it is at. */
function choicesOf(said) {
  return [...said].filter(([key]) => key !== AT).map(String).sort().join("\n");
}

/** Opens and shows the section that the address is at. */
function goToSection(id) {
  const section = document.getElementById(id);
  if (!section) return;
  const folded = section.querySelector(":scope > details");
  if (folded) folded.open = true;
  section.scrollIntoView();
}

/** Keeps the choices in the address when a reader goes from section to section. */
function followSections() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link) return;
    // The address keeps the choices, so that it is not what the link says.
    event.preventDefault();
    if (link.matches(".skip")) {
      document.getElementById(link.hash.slice(1)).focus();
      return;
    }
    address.set(AT, link.hash.slice(1));
    goToSection(address.get(AT));
    saveAddress();
  });
  // Another link to this page in its address bar, or the reader goes back to an earlier address.
  window.addEventListener("hashchange", () => {
    const said = saidIn(location.hash);
    if (choicesOf(said) !== choicesOf(address)) location.reload();
    else if (said.has(AT)) goToSection(said.get(AT));
  });
  if (address.has(AT)) goToSection(address.get(AT));
}
