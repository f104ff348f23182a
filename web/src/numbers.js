const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

let exact = false;

// setExact says whether sizes are exact bytes or rounded.
export function setExact(yes) {
  exact = yes;
}

// human is a size with a unit, rounded down as on the command line.
export function human(n) {
  let u = 0;
  while (n >= 1024 && u < units.length - 1) {
    n /= 1024;
    u++;
  }
  return u === 0 ? `${n} B` : `${(Math.floor(n * 10) / 10).toFixed(1)} ${units[u]}`;
}

// grouped is a number with commas.
export const grouped = (n) => n.toLocaleString("en-US");

// bytes is a size as the reader wants sizes.
export const bytes = (n) => (exact ? `${grouped(n)} bytes` : human(n));

// percent is a share, never 0 for what there is and never 100 for a part.
export function percent(part, whole) {
  if (whole === 0) return "-";
  const p = (100 * part) / whole;
  if (part > 0 && p < 0.1) return "under 0.1 %";
  if (part < whole && p > 99.9) return "over 99.9 %";
  return `${p.toFixed(1)} %`;
}
