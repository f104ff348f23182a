import { el } from "./dom.js";
import { grouped } from "./numbers.js";

// value is what a cell is sorted by: its number where it has one. Cells
// without a value come last in both directions.
function value(row, column) {
  const cell = row.cells[column];
  if (!cell) return null;
  if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
  const text = cell.textContent;
  return text === "-" || text === "" ? null : text;
}

const words = new Intl.Collator("en", { numeric: true });
const rank = { high: 3, medium: 2, low: 1, info: 0 };

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (a in rank && b in rank) return rank[a] - rank[b];
  return words.compare(String(a), String(b));
}

function sort(table, column, descending) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [value(row, column), row]);
  rows.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return descending ? compare(b, a) : compare(a, b);
  });
  body.append(...rows.map(([, row]) => row));
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = el("button", { type: "button" }, head.textContent);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("n") ? "descending" : "ascending";
      const now = head.getAttribute("aria-sort");
      const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
      for (const h of heads) h.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", next);
      sort(table, column, next === "descending");
    });
  });
}

// few is the number of rows that need no filter.
const few = 8;

function filterable(table, scroll) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length <= few) return;
  const count = el("output", { "aria-live": "polite" }, `${grouped(rows.length)} rows`);
  const input = el("input", { type: "search", autocomplete: "off", spellcheck: "false" });
  input.addEventListener("input", () => {
    const terms = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !terms.every((t) => text.includes(t));
      if (!row.hidden) n++;
    }
    count.textContent = terms.length ? `${grouped(n)} of ${grouped(rows.length)} rows` : `${grouped(rows.length)} rows`;
  });
  scroll.before(el("div", { class: "filter" }, el("label", {}, "Filter ", input), count));
}

// tables makes the page's tables sortable by their headings, and long ones
// filterable.
export function tables() {
  for (const scroll of document.querySelectorAll(".scroll")) {
    const table = scroll.querySelector("table");
    if (table.tBodies[0].rows.length > 1) sortable(table);
    filterable(table, scroll);
  }
}
