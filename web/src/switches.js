import { el } from "./dom.js";
import { human, setExact } from "./numbers.js";

// remember keeps a choice for this page; a browser may forbid that.
function remember(key, value) {
  try {
    localStorage.setItem(`heapdump.${key}`, value);
  } catch {
    // The choice holds until the page is closed.
  }
}

function recall(key) {
  try {
    return localStorage.getItem(`heapdump.${key}`);
  } catch {
    return null;
  }
}

// choice makes a labelled list of choices.
function choice(label, key, options, apply) {
  const select = el("select", { onchange: () => { apply(select.value); remember(key, select.value); } });
  for (const [value, text] of options) select.append(el("option", { value }, text));
  const was = recall(key);
  if (options.some(([v]) => v === was)) select.value = was;
  apply(select.value);
  return el("label", {}, `${label} `, select);
}

function theme(value) {
  if (value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
}

// sizes writes the sizes of all tables in one unit or as exact bytes.
function sizes(value) {
  setExact(value === "exact");
  for (const cell of document.querySelectorAll("[data-b]")) {
    cell.dataset.x ??= cell.textContent;
    const rounded = human(Number(cell.dataset.v.replace("-", "")));
    cell.textContent = value === "exact" ? cell.dataset.x : (cell.dataset.v.startsWith("-") ? "-" : "") + rounded;
    cell.title = value === "exact" ? rounded : `${Number(cell.dataset.v).toLocaleString("en-US")} bytes`;
  }
  document.dispatchEvent(new Event("heapdump:sizes"));
}

// switches are what the reader can set: colours and sizes.
export function switches() {
  document.getElementById("switches").append(
    choice("Sizes", "sizes", [["human", "rounded"], ["exact", "exact bytes"]], sizes),
    choice("Theme", "theme", [["auto", "like the system"], ["light", "light"], ["dark", "dark"]], theme),
  );
}
