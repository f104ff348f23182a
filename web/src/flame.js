import { hierarchy, partition } from "d3-hierarchy";
import { scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { el } from "./dom.js";
import { frame, fill, fit, legends, path, patterns, rove, swatch } from "./frame.js";
import { grouped } from "./numbers.js";
import { above, everything, prepare, words } from "./tree.js";
import { watch } from "./watch.js";

const row = 21; // pixels of a frame
const hues = 6;
const value = (n) => n.b;
const noun = "the bytes in use";

// hue gives the frames of one module one colour of a few.
function hue(n) {
  if (n.o) return "rest";
  if (n.k !== "frame") return n.c || "unknown";
  const module = n.n.split("!")[0].split("+")[0].toLowerCase();
  let h = 7;
  for (const c of module) h = (h * 31 + c.codePointAt(0)) % 997;
  return `m${h % hues}`;
}

// flame draws the bytes in use by the stacks of their allocation, the callers
// above: a flame graph that hangs.
export function flame({ host, name }, root) {
  patterns();
  prepare(root);
  const kinds = new Set(everything(root).map((n) => n.k));
  const what = kinds.has("frame") ? "Callers stand above what they call" : "Each row divides the one above it";
  const f = frame(host, name, `${what}; the width is the bytes in use. Click a bar, or press Enter on it, to zoom in; Escape goes back out. The arrow keys move between bars.`);
  const h = partition()(hierarchy(root, (n) => n.s).sum((n) => (n.s ? 0 : n.b)).sort((a, b) => b.value - a.value || (a.data.n < b.data.n ? -1 : 1)));
  let at = h;
  let term = "";
  const found = el("output", { "aria-live": "polite" });
  const search = el("input", { type: "search", autocomplete: "off", spellcheck: "false", oninput: () => { term = search.value.trim().toLowerCase(); draw(); } });
  const up = el("button", { type: "button", onclick: () => zoom(at.parent) }, "Zoom out");
  f.tools.append(el("label", {}, "Search ", search), found, up);

  const tell = (d) => (f.detail.textContent = words(d.data, root, value, noun));
  const hit = (d) => term !== "" && d.data.n.toLowerCase().includes(term);

  function zoom(d, focus = true) {
    if (!d) return;
    at = d;
    draw();
    tell(at);
    if (focus) f.svg.select("g.cell").node()?.focus();
  }

  function draw() {
    const width = f.stage.clientWidth;
    const x = scaleLinear().domain([at.x0, at.x1]).range([0, width]);
    const shown = h.descendants().filter((d) => d.x1 > at.x0 && d.x0 < at.x1 && x(Math.min(d.x1, at.x1)) - x(Math.max(d.x0, at.x0)) >= 1.5);
    const rows = Math.max(...shown.map((d) => d.depth)) + 1;
    f.svg.attr("width", width).attr("height", rows * row).attr("viewBox", `0 0 ${width} ${rows * row}`);
    f.svg.selectAll("*").remove();
    const cells = f.svg.selectAll("g.cell").data(shown).join("g").attr("class", (d) => `cell flame${hit(d) ? " hit" : ""}${d.depth < at.depth ? " above" : ""}`)
      .attr("role", "button").attr("aria-label", (d) => words(d.data, root, value, noun));
    cells.each(function (d) {
      const g = select(this);
      const x0 = Math.max(0, x(d.x0));
      const w = Math.min(width, x(d.x1)) - x0 - 1;
      fill(g, d.depth === 0 ? "all" : hue(d.data), x0, d.depth * row, w, row - 1);
      const label = fit(d.data.n, w);
      if (label) g.append("text").attr("x", x0 + 4).attr("y", d.depth * row + 14).text(label);
    });
    cells.on("click", (event, d) => zoom(d, false)).on("pointerenter", (event, d) => tell(d));
    rove(f.svg, cells, { enter: zoom, out: () => zoom(at.parent), focus: tell });
    path(f.crumbs, above(at.data).map((n) => n.n), (i) => zoom(at.ancestors().reverse()[i]));
    up.disabled = at === h;
    const hits = term ? h.descendants().filter(hit).length : 0;
    found.textContent = term ? `${grouped(hits)} found, framed in the picture` : "";
  }

  if (kinds.has("frame")) f.legend.append(swatch("m0", "frames: those of one module have one colour"));
  f.legend.append(...legends(new Set(everything(root).slice(1).filter((n) => n.k !== "frame").map(hue))));
  draw();
  tell(h);
  watch(f.stage, draw);
}
