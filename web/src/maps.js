import { select } from "d3-selection";
import { el } from "./dom.js";
import { fill, frame, path, patterns, rove, swatch } from "./frame.js";
import { bytes, grouped, human, percent } from "./numbers.js";
import { watch } from "./watch.js";

const most = 1600; // squares at once
const kinds = 7;

// expand makes an array of cells of a part's runs; the cells of a run are one
// and the same array.
function expand(part) {
  const out = [];
  for (const [n, ...pairs] of part.r) {
    const cell = new Array(kinds).fill(0);
    for (let i = 0; i < pairs.length; i += 2) cell[pairs[i]] = pairs[i + 1];
    for (let i = 0; i < n; i++) out.push(cell);
  }
  return out;
}

// squares cuts stretches into squares of so many cells each.
function squares(view, per) {
  const out = [];
  for (const v of view) {
    for (let from = v.from; from < v.to; from += per) {
      const to = Math.min(from + per, v.to);
      const sum = new Array(kinds).fill(0);
      for (let i = from; i < to; i++) v.cells[i].forEach((n, c) => (sum[c] += n));
      out.push({ v, from, to, sum, all: sum.reduce((a, b) => a + b, 0) });
    }
  }
  return out;
}

const hex = (n) => `0x${n.toString(16)}`;

// maps draws what the pages of a heap hold, a square for each page or for some
// pages together.
export function maps({ host, name, classes }, heaps) {
  patterns();
  const f = frame(host, name, "Each square is a stretch of the heap, in the order of addresses; its colour is what fills most of it, a band at its foot what else there is. Click a square, or press Enter on it, for its surroundings, down to single pages; Escape goes back out.");
  let heap;
  let trail;
  const pick = el("select", { onchange: () => open(Number(pick.value)) });
  heaps.forEach((h, i) => pick.append(el("option", { value: i }, h.n)));
  const up = el("button", { type: "button", onclick: () => out() }, "Zoom out");
  f.tools.append(el("label", {}, "Heap ", pick), up);

  function open(i) {
    heap = heaps[i];
    const view = heap.p.map((p) => {
      const cells = expand(p);
      return { p, start: BigInt(p.a), cells, from: 0, to: cells.length };
    });
    trail = [{ label: heap.n, view }];
    draw();
    told();
  }

  function out(to = trail.length - 2) {
    if (to < 0) return;
    trail = trail.slice(0, to + 1);
    draw();
    told();
    f.svg.select("g.cell").node()?.focus();
  }

  // zoom looks at an eighth of what is shown, round a square.
  function zoom(s, focus = true) {
    const view = trail[trail.length - 1].view;
    const all = view.reduce((n, v) => n + v.to - v.from, 0);
    if (s.to - s.from <= 1 && view.length === 1 && all <= 64) return;
    const half = Math.max(16, Math.ceil(all / 16));
    const mid = (s.from + s.to) >> 1;
    const from = Math.max(s.v.from, mid - half);
    const to = Math.min(s.v.to, mid + half);
    if (view.length === 1 && from === view[0].from && to === view[0].to) return;
    trail.push({ label: `${place(s.v, from)} to ${place(s.v, to)}`, view: [{ ...s.v, from, to }] });
    draw();
    told();
    if (focus) f.svg.select("g.cell").node()?.focus();
  }

  const address = (v, cell) => v.start + BigInt(cell) * BigInt(heap.c);
  function place(v, cell) {
    const a = address(v, cell);
    const end = v.start + BigInt(v.p.b);
    return hex(a < end ? a : end);
  }

  const parts = (sum, all) => classes.map(([, w], c) => [sum[c], w]).filter(([n]) => n > 0).sort((a, b) => b[0] - a[0]).map(([n, w]) => `${percent(n, all)} ${w}`).join(", ");
  const say = (s) => `${place(s.v, s.from)} to ${place(s.v, s.to)}, ${s.v.p.k}: ${parts(s.sum, s.all)}.`;
  const tell = (s) => (f.detail.textContent = say(s));

  // told says what is shown as a whole.
  function told() {
    const view = trail[trail.length - 1].view;
    const [s] = squares([{ ...view[0], from: 0, to: 0 }], 1).concat([{ sum: new Array(kinds).fill(0) }]);
    for (const v of view) for (let i = v.from; i < v.to; i++) v.cells[i].forEach((n, c) => (s.sum[c] += n));
    const all = s.sum.reduce((a, b) => a + b, 0);
    f.detail.textContent = `${bytes(all)}: ${parts(s.sum, all)}.`;
  }

  function draw() {
    const view = trail[trail.length - 1].view;
    const all = view.reduce((n, v) => n + v.to - v.from, 0);
    const width = f.stage.clientWidth;
    const per = Math.max(1, Math.ceil(all / (width < 560 ? most / 3 : most)));
    const list = squares(view, per);
    const side = list.length <= 200 ? 26 : list.length <= 600 ? 18 : 13;
    const columns = Math.max(8, Math.floor(width / side));
    f.svg.selectAll("*").remove();
    let y = 0;
    let x = 0;
    let part = null;
    const heads = [];
    const many = view.filter((v) => v.p.k === "large block");
    for (const s of list) {
      const beside = part && many.length > 1 && part.p.k === "large block" && s.v.p.k === "large block"; // large blocks follow one another
      if (s.v !== part && !beside) {
        if (part) y += side + 8;
        part = s.v;
        heads.push([y, many.length > 1 && part.p.k === "large block" ? `${grouped(many.length)} large blocks, ${bytes(many.reduce((n, v) => n + v.p.b, 0))}, with gaps between them`
          : `${upper(part.p.k)} ${part.p.a}, ${bytes(part.p.b)}`]);
        y += 20;
        x = 0;
      } else {
        x += s.v === part ? 1 : 2;
        part = s.v;
        if (x < columns) {
          s.x = x * side;
          s.y = y;
          continue;
        }
        x = 0;
        y += side;
      }
      s.x = x * side;
      s.y = y;
    }
    const height = y + side + 2;
    f.svg.attr("width", width).attr("height", height).attr("viewBox", `0 0 ${width} ${height}`);
    f.svg.selectAll("text.head").data(heads).join("text").attr("class", "head").attr("x", 0).attr("y", ([hy]) => hy + 13).text(([, t]) => t);
    const cells = f.svg.selectAll("g.cell").data(list).join("g").attr("class", "cell square").attr("role", "button").attr("aria-label", say);
    cells.each(function (s) {
      const g = select(this);
      const order = s.sum.map((n, c) => [n, c]).filter(([n]) => n > 0).sort((a, b) => b[0] - a[0]);
      if (!order.length) return;
      fill(g, classes[order[0][1]][0], s.x, s.y, side - 1, side - 1);
      if (order.length > 1) {
        const h = Math.round(((side - 1) * order[1][0]) / s.all);
        if (h >= 2) fill(g, classes[order[1][1]][0], s.x, s.y + side - 1 - h, side - 1, h);
      }
    });
    cells.on("click", (event, s) => zoom(s, false)).on("pointerenter", (event, s) => tell(s));
    rove(f.svg, cells, { enter: zoom, out: () => out(), focus: tell });
    path(f.crumbs, trail.map((t) => t.label), (i) => out(i));
    up.disabled = trail.length === 1;
    const seen = new Set(list.flatMap((s) => s.sum.map((n, c) => (n > 0 ? c : -1))));
    f.legend.replaceChildren(el("li", { class: "scale" }, `One square: ${size(per)}`), ...classes.flatMap(([c, w], i) => (seen.has(i) ? [swatch(c, w)] : [])),
      ...(heap.o ?? []).map((n) => el("li", { class: "scale" }, n)));
  }

  const size = (per) => {
    const pages = (per * heap.c) / 4096;
    return `${human(per * heap.c)}${pages === 1 ? ", a page" : `, ${grouped(pages)} pages`}`;
  };

  const upper = (s) => s[0].toUpperCase() + s.slice(1);

  open(0);
  watch(f.stage, draw);
}
