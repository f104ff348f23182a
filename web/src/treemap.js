import { hierarchy, treemap as layout, treemapSquarify } from "d3-hierarchy";
import { select as selectOf } from "d3-selection";
import { el } from "./dom.js";
import { frame, fill, fit, legends, path, patterns, rove } from "./frame.js";
import { bytes } from "./numbers.js";
import { above, prepare, words } from "./tree.js";
import { watch } from "./watch.js";

const head = 19; // pixels of a group's heading
const deep = 4; // levels that are drawn at once

const values = { committed: (n) => n.b, reserved: (n) => n.r ?? n.b };

// view is the part of a tree that is drawn: so many levels below a node.
function view(n, levels, value) {
  const children = levels > 0 ? (n.s ?? []).filter((c) => value(c) > 0) : [];
  return { n, children: children.map((c) => view(c, levels - 1, value)) };
}

// treemap draws an address space as nested areas that can be zoomed into.
export function treemap({ host, name }, root) {
  patterns();
  prepare(root);
  const f = frame(host, name, "Click an area, or press Enter on it, to look into it; Escape goes back out. The arrow keys move between areas.");
  let at = root;
  let value = values.committed;
  let noun = "all committed memory";
  const measure = el("select", {
    onchange: () => {
      value = values[measure.value];
      noun = measure.value === "committed" ? "all committed memory" : "all address space in use";
      draw();
    },
  }, el("option", { value: "committed" }, "committed memory"), el("option", { value: "reserved" }, "reserved address space"));
  const up = el("button", { type: "button", onclick: () => zoom(at.parent) }, "Zoom out");
  f.tools.append(el("label", {}, "Areas show ", measure), up);

  const tell = (n) => (f.detail.textContent = words(n, root, value, noun));

  function zoom(n, focus = true) {
    if (!n || (!n.s && n !== root)) return;
    at = n;
    draw();
    tell(at);
    if (focus) f.svg.select("g.cell").node()?.focus();
  }

  function draw() {
    const width = f.stage.clientWidth;
    const height = width < 560 ? 420 : 480;
    const h = hierarchy(view(at, deep, value), (d) => d.children).sum((d) => (d.children.length ? 0 : value(d.n))).sort((a, b) => b.value - a.value);
    layout().tile(treemapSquarify.ratio(1.3)).size([width, height]).round(true).paddingInner(2)
      .paddingTop((d) => (d.depth === 0 ? 0 : head)).paddingLeft((d) => (d.depth === 0 ? 0 : 3)).paddingRight((d) => (d.depth === 0 ? 0 : 3)).paddingBottom((d) => (d.depth === 0 ? 0 : 3))(h);
    f.svg.attr("width", width).attr("height", height).attr("viewBox", `0 0 ${width} ${height}`);
    f.svg.selectAll("*").remove();
    const seen = new Set();
    const shown = h.descendants().filter((d) => d.depth > 0 && d.x1 - d.x0 >= 5 && d.y1 - d.y0 >= 5);
    const cells = f.svg.selectAll("g.cell").data(shown).join("g").attr("class", (d) => `cell d${d.depth}`)
      .attr("role", (d) => (d.data.n.s ? "button" : "img")).attr("aria-label", (d) => words(d.data.n, root, value, noun));
    cells.each(function (d) {
      paint(this, d);
      seen.add(d.data.n.o ? "rest" : d.data.n.c);
    });
    cells.on("click", (event, d) => { zoom(d.data.n.s ? d.data.n : d.data.n.parent, false); }).on("pointerenter", (event, d) => tell(d.data.n));
    rove(f.svg, cells, { enter: (d) => zoom(d.data.n), out: () => zoom(at.parent), focus: (d) => tell(d.data.n) });
    path(f.crumbs, above(at).map((n) => n.n), (i) => zoom(above(at)[i]));
    up.disabled = at === root;
    f.legend.replaceChildren(...legends(seen));
    if (!shown.length) f.detail.textContent = "There is nothing to draw here.";
  }

  function paint(e, d) {
    const g = selectOf(e);
    const w = d.x1 - d.x0;
    const h = d.y1 - d.y0;
    fill(g, d.data.n.o ? "rest" : d.data.n.c || "unknown", d.x0, d.y0, w, h);
    if (h < 15) return;
    const label = fit(d.data.n.n, w);
    if (!label) return;
    g.append("text").attr("x", d.x0 + 4).attr("y", d.y0 + 13).text(label);
    const size = bytes(value(d.data.n));
    if (!d.children && h > 32 && fit(size, w) === size) g.append("text").attr("class", "size").attr("x", d.x0 + 4).attr("y", d.y0 + 27).text(size);
    else if (d.children && label === d.data.n.n && (label.length + size.length + 2) * 6.6 < w - 8)
      g.append("text").attr("class", "size").attr("x", d.x1 - 4).attr("y", d.y0 + 13).attr("text-anchor", "end").text(size);
  }

  draw();
  tell(root);
  watch(f.stage, draw);
}
