import { select } from "d3-selection";
import { el, id } from "./dom.js";

// A frame is what every picture has round it: buttons, where the reader is,
// the drawing, a line on what is under the pointer, and a legend.
export function frame(host, name, help) {
  const hint = id("hint");
  const tools = el("div", { class: "tools" });
  const crumbs = el("nav", { class: "crumbs", "aria-label": `Where you are in: ${name}` });
  const stage = el("div", { class: "stage" });
  const detail = el("p", { class: "detail", "aria-live": "polite" });
  const legend = el("ul", { class: "legend", "aria-label": "Legend" });
  host.append(tools, crumbs, stage, detail, legend, el("p", { class: "quiet", id: hint }, help));
  const svg = select(stage).append("svg").attr("role", "group").attr("aria-label", name).attr("aria-describedby", hint);
  return { tools, crumbs, stage, detail, legend, svg };
}

// path fills in where the reader is: a button for each place above.
export function path(nav, steps, go) {
  nav.replaceChildren(
    el("ol", {}, ...steps.map((s, i) => {
      if (i === steps.length - 1) return el("li", { "aria-current": "true" }, s);
      return el("li", {}, el("button", { type: "button", onclick: () => go(i) }, s));
    })),
  );
}

// swatch is a legend's entry: the colour, the pattern, and the words.
export function swatch(cls, words) {
  const li = el("li");
  const svg = select(li).append("svg").attr("width", 18).attr("height", 14).attr("aria-hidden", "true");
  fill(svg, cls, 0.5, 0.5, 17, 13);
  li.append(words);
  return li;
}

const hatched = new Set(["free", "lfhfree", "uncommitted", "lost", "meta", "unknown", "rest"]);

// fill draws a rectangle in a class's colour, and its pattern over it, so that
// nobody needs to tell colours apart.
export function fill(g, cls, x, y, w, h) {
  g.append("rect").attr("class", `f-${cls}`).attr("x", x).attr("y", y).attr("width", Math.max(w, 0)).attr("height", Math.max(h, 0));
  if (hatched.has(cls) && w > 3 && h > 3) {
    g.append("rect").attr("class", "hatch").attr("x", x).attr("y", y).attr("width", w).attr("height", h).attr("fill", `url(#h-${cls})`);
  }
}

// classWords say in the legends what the colours stand for.
export const classWords = { image: "modules", heap: "heaps", pageheap: "page heaps", stack: "stacks of threads", mapped: "mapped files", system: "Windows' own data", unknown: "unknown",
  busy: "blocks in use", lfh: "blocks of the low-fragmentation heap", large: "large blocks", free: "free blocks", lfhfree: "free slots", meta: "headers and the heap's own", uncommitted: "reserved, without memory",
  lost: "damaged, or not in the dump", rest: "smaller parts together" };

// legends are the entries for the classes that a picture has.
export const legends = (seen) => Object.keys(classWords).filter((c) => seen.has(c)).map((c) => swatch(c, classWords[c]));

// patterns puts the patterns into the page, once.
export function patterns() {
  if (document.getElementById("patterns")) return;
  const host = el("div", { id: "patterns", "aria-hidden": "true" });
  document.body.append(host);
  const defs = select(host).append("svg").attr("width", 0).attr("height", 0).append("defs");
  const lines = { free: "M0,6 L6,0", lfhfree: "M0,3 L6,3", uncommitted: "M3,3 h0.8", lost: "M0,0 L6,6 M0,6 L6,0", meta: "M3,0 V6", unknown: "M0,0 L6,6", rest: "M0,6 L6,0 M-1,1 L1,-1 M5,7 L7,5" };
  for (const [cls, d] of Object.entries(lines)) {
    defs.append("pattern").attr("id", `h-${cls}`).attr("width", 6).attr("height", 6).attr("patternUnits", "userSpaceOnUse")
      .append("path").attr("d", d).attr("class", "line");
  }
}

// fit cuts a label to a width in pixels; empty where not even its beginning
// would be readable.
export function fit(text, width, size = 6.6) {
  const n = Math.floor((width - 8) / size);
  if (text.length <= n) return text;
  return n >= 4 ? `${text.slice(0, n - 1)}…` : "";
}

// rove gives a drawing one stop for the tab key and moves between its parts
// with the arrows, to the nearest in their direction. Enter goes in, Escape
// and Backspace out.
export function rove(svg, nodes, { enter, out, focus }) {
  const all = nodes.nodes();
  nodes.attr("tabindex", -1);
  if (all.length) all[0].setAttribute("tabindex", 0);
  const move = (to) => {
    for (const e of all) e.setAttribute("tabindex", -1);
    to.setAttribute("tabindex", 0);
    to.focus();
  };
  nodes.on("focus", (event, d) => focus(d));
  svg.on("keydown", (event) => {
    const at = event.target.closest("[tabindex]");
    const i = all.indexOf(at);
    if (event.key === "Escape" || event.key === "Backspace") out();
    else if (i < 0) return;
    else if (event.key === "Enter" || event.key === " ") enter(select(at).datum());
    else if (event.key === "Home") move(all[0]);
    else if (event.key === "End") move(all[all.length - 1]);
    else if (event.key.startsWith("Arrow")) {
      const to = nearest(all, at, event.key.slice(5));
      if (to) move(to);
    } else return;
    event.preventDefault();
  });
}

const middle = (e) => {
  const b = e.getBoundingClientRect();
  return [b.x + b.width / 2, b.y + b.height / 2];
};

// nearest is the part whose middle is nearest in a direction; what lies aside
// of the straight way counts double.
function nearest(all, from, direction) {
  const [x, y] = middle(from);
  let best = null;
  let least = Infinity;
  for (const e of all) {
    if (e === from) continue;
    const [ex, ey] = middle(e);
    const dx = ex - x;
    const dy = ey - y;
    const [along, aside] = { Left: [-dx, dy], Right: [dx, dy], Up: [-dy, dx], Down: [dy, dx] }[direction];
    if (along < 1) continue;
    const far = along + 2 * Math.abs(aside);
    if (far < least) [best, least] = [e, far];
  }
  return best;
}
