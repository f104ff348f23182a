import { bytes, grouped, percent } from "./numbers.js";

// prepare gives each node its parent.
export function prepare(root) {
  for (const n of everything(root)) for (const c of n.s ?? []) c.parent = n;
  return root;
}

// everything is all nodes of a tree, the root first.
export function everything(root) {
  const all = [root];
  for (let i = 0; i < all.length; i++) all.push(...(all[i].s ?? []));
  return all;
}

// above are a node and those over it, the root first.
export function above(n) {
  const out = [];
  for (; n; n = n.parent) out.unshift(n);
  return out;
}

// words say what a node is, for the line under a picture and for screen readers.
export function words(n, root, value, noun) {
  let s = `${above(n).slice(1).map((x) => x.n).join(" › ") || n.n}: ${bytes(value(n))}, ${percent(value(n), value(root))} of ${noun}`;
  if (n.x) s += `, ${grouped(n.x)} ${n.x === 1 ? "block" : "blocks"}`;
  if (n.e) s += `. ${n.e[0].toUpperCase()}${n.e.slice(1)}`;
  return s.endsWith(".") ? s : `${s}.`;
}
