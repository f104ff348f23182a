// Bundles src/ into internal/render/html/asset: the script, the style, the
// licences of what is bundled, and a hash of all that they were made from.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const to = "../internal/render/html/asset";
const shared = { bundle: true, minify: true, charset: "ascii", legalComments: "none", target: ["chrome100", "firefox100", "safari15"], write: false };

const js = await build({ ...shared, entryPoints: ["src/main.js"], format: "iife", metafile: true });
const css = await build({ ...shared, entryPoints: ["src/app.css"], charset: "utf8" });
const script = js.outputFiles[0].text.trim();
if (/<\/script|<!--/i.test(script)) throw new Error("the script would end its own element");
writeFileSync(`${to}/app.js`, script);
writeFileSync(`${to}/app.css`, css.outputFiles[0].text.trim());

// The packages whose code is in the bundle, from what the bundler read.
const packages = new Set(Object.keys(js.metafile.inputs).map((f) => f.match(/^node_modules\/([^/]+)\//)?.[1]).filter(Boolean));
let licences = "";
for (const name of [...packages].sort()) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  licences += `${name} ${version}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n\n`;
}
writeFileSync(`${to}/licences.txt`, licences.trim() + "\n");

// The Go test makes the same hash of the same files: names and bytes.
const hash = createHash("sha256");
for (const name of ["build.mjs", "package-lock.json", "package.json", ...readdirSync("src").sort().map((f) => `src/${f}`)]) {
  const bytes = readFileSync(name);
  hash.update(`${name} ${bytes.length}\n`).update(bytes);
}
writeFileSync(`${to}/sources.sha256`, hash.digest("hex") + "\n");
console.log(`script ${script.length} bytes, ${packages.size} packages`);
