// Which folds are open, in the page's address: what a reader opened is open for who follows the link.

const OPEN = "open";

/** Opens what the address says, also in a chart that is drawn again, and writes what readers open and close. */
function followFolds() {
  const main = document.getElementById("main");
  const restore = () => {
    const wanted = new Set(address.getAll(OPEN));
    if (!wanted.size) return;
    for (const fold of main.querySelectorAll("details:not([open])")) fold.open = wanted.has(foldName(fold));
  };
  restore();
  new MutationObserver(restore).observe(main, { childList: true, subtree: true });
  // Not at every toggle: printing and the contents open folds, too.
  main.addEventListener("click", (event) => {
    const fold = event.target.closest?.("summary")?.parentElement;
    if (!fold) return;
    const names = address.getAll(OPEN).filter((other) => other !== foldName(fold));
    if (!fold.open) names.push(foldName(fold));
    address.delete(OPEN);
    for (const one of names) address.append(OPEN, one);
    saveAddress();
  });
}

/** The view or section a fold is in, what it is, and which of several: "massive.numbers-2". */
function foldName(fold) {
  const section = fold.closest("section");
  if (fold.parentElement === section) return section.id;
  const host = fold.closest(".view") ?? section;
  const where = host.id.replace(/-view$/, "");
  if (fold.dataset.fold) return `${where}.${fold.dataset.fold}`;
  const place = [...host.querySelectorAll(`details.${fold.className}`)].indexOf(fold);
  return `${where}.${fold.className}${place ? `-${place + 1}` : ""}`;
}
