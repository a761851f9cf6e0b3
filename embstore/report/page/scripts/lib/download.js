// Hands what the page made to the reader as a file.

/**
 * Writes rows as CSV. A text that a spreadsheet would run as a formula is quoted with an
 * apostrophe, as its makers advise.
 * @param {{key: string, label: string}[]} columns
 * @param {object[]} rows
 */
function csvOf(columns, rows) {
  const lines = [columns.map((column) => csvCell(column.key))];
  for (const row of rows) lines.push(columns.map((column) => csvCell(row[column.key])));
  return `${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;
}

function csvCell(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)));
  let text = String(value);
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Saves a table under a name. */
function download(filename, text) {
  saveFile(filename, new Blob([text], { type: "text/csv;charset=utf-8" }));
}

/** Saves a file under a name. */
function saveFile(filename, content) {
  const url = URL.createObjectURL(content);
  const link = el("a", { href: url, download: filename });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
  announce(`Downloaded ${filename}.`);
}
