// Opens pages of heapdump in a headless Chromium, from file://, and uses them
// with mouse and keyboard. Skipped with a reason where there is no Chromium.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const repo = resolve(here, "../..");
const out = resolve(here, "out");
const browser = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((p) => p && existsSync(p));
if (!browser) {
  console.log("skipped: there is no Chromium; install one, or name it in $CHROMIUM");
  process.exit(0);
}

mkdirSync(out, { recursive: true });
const heapdump = resolve(repo, "bin/heapdump");
const page = (name, ...args) => {
  const file = resolve(out, `${name}.html`);
  execFileSync(heapdump, [...args, "--format", "html", "-o", file], { cwd: repo });
  return file;
};
const dumps = "testdata/dumps";
const pages = {
  demo: page("demo", "triage", `${dumps}/demo.dmp`),
  leak: page("leak", "triage", `${dumps}/leak.dmp`),
  summary: page("summary", "summary", `${dumps}/leak.dmp`),
  owners: page("owners", "owners", `${dumps}/demo.dmp`),
  many: page("many", "triage", `${dumps}/demo.dmp`, `${dumps}/leak.dmp`, `${dumps}/damaged.dmp`, "Makefile"),
};
execFileSync("go", ["test", "-count=1", "-run", "TestHostile", "./internal/render/html"], { cwd: repo, env: { ...process.env, HEAPDUMP_HTML_OUT: out } });
pages.hostile = resolve(out, "hostile.html");

let failures = 0;
function check(ok, what) {
  if (ok) return;
  failures++;
  console.error(`FAIL: ${what}`);
}

const axe = readFileSync(resolve(here, "../node_modules/axe-core/axe.min.js"), "utf8");
const b = await chromium.launch({ executablePath: browser, args: ["--no-sandbox"] });

// open loads a page and files whatever it complains of or asks for.
async function open(name, options = {}) {
  const context = await b.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const p = await context.newPage();
  const url = pathToFileURL(pages[name]).href;
  p.on("console", (m) => check(false, `${name}: console: ${m.text()}`));
  p.on("pageerror", (e) => check(false, `${name}: ${e.message}`));
  p.on("dialog", (d) => { check(false, `${name}: a dialog: ${d.message()}`); d.dismiss(); });
  p.on("request", (r) => check(r.url().split("#")[0] === url, `${name}: a request for ${r.url()}`));
  await p.goto(url);
  await p.waitForTimeout(200);
  return p;
}

const detail = (p, kind) => p.locator(`[data-pic=${kind}] .detail`).textContent();
const crumbs = (p, kind) => p.locator(`[data-pic=${kind}] .crumbs li`).count();

// Mouse: areas zoom, the way back is there, and the line says what is shown.
{
  const p = await open("leak");
  for (const kind of ["treemap", "flame"]) {
    check((await p.locator(`[data-pic=${kind}] g.cell`).count()) > 3, `${kind}: hardly anything is drawn`);
    await p.locator(`[data-pic=${kind}] g.cell[role=button] rect`).nth(1).click({ position: { x: 3, y: 3 } });
    check((await crumbs(p, kind)) > 1, `${kind}: a click does not zoom`);
    await p.locator(`[data-pic=${kind}] .crumbs button`).first().click();
    check((await crumbs(p, kind)) === 1, `${kind}: the first crumb does not lead back`);
  }
  const squares = p.locator("[data-pic=maps] g.cell");
  check((await squares.count()) > 50, "maps: hardly any squares");
  await squares.nth(300).click();
  check((await crumbs(p, "maps")) === 2, "maps: a click does not zoom");
  await p.locator("[data-pic=maps] .tools select").selectOption("1");
  check((await crumbs(p, "maps")) === 1 && (await squares.count()) > 0, "maps: another heap is not drawn");
  await p.locator("[data-pic=flame] .tools input").fill("HXmalloc");
  check((await p.locator("[data-pic=flame] g.hit").count()) > 0, "flame: the search finds nothing");
  await p.locator("[data-pic=treemap] .tools select").selectOption("reserved");
  check(/address space in use/.test(await p.locator("[data-pic=treemap] g.cell").first().getAttribute("aria-label")), "treemap: reserved is not shown");
}

// Keyboard: one stop for each picture, arrows move, Enter goes in, Escape out.
{
  const p = await open("demo");
  for (const kind of ["treemap", "flame", "maps"]) {
    const host = p.locator(`[data-pic=${kind}]`);
    check((await host.locator("g.cell[tabindex='0']").count()) === 1, `${kind}: not one stop for the tab key`);
    await host.locator("g.cell[tabindex='0']").focus();
    const before = await detail(p, kind);
    await p.keyboard.press("End");
    check((await detail(p, kind)) !== before, `${kind}: End does not move`);
    await p.keyboard.press("Home");
    await p.keyboard.press(kind === "flame" ? "ArrowDown" : "ArrowRight");
    check((await detail(p, kind)) !== "", `${kind}: the arrows tell nothing`);
    check(await host.locator("g.cell:focus").count(), `${kind}: the focus is lost`);
    await p.keyboard.press("Home");
    if (kind === "flame") await p.keyboard.press("ArrowDown");
    await p.keyboard.press("Enter");
    const deep = await crumbs(p, kind);
    await p.keyboard.press("Escape");
    check(kind === "maps" || (deep > 1 && (await crumbs(p, kind)) < deep), `${kind}: Enter and Escape do not zoom`);
  }
}

// Tables: sorted by their headings with aria-sort, filtered, sizes in both units.
{
  const p = await open("summary");
  const section = p.locator("section", { hasText: "Accounting" }).first();
  const head = section.locator("thead th").nth(3);
  await head.locator("button").focus();
  await p.keyboard.press("Enter");
  check((await head.getAttribute("aria-sort")) === "descending", "a heading does not sort by key");
  const values = await section.locator("tbody tr").evaluateAll((rows) => rows.map((r) => Number(r.cells[3].dataset.v)));
  check(values.every((v, i) => i === 0 || values[i - 1] >= v), "the rows are not sorted");
  await head.locator("button").click();
  check((await head.getAttribute("aria-sort")) === "ascending", "a second click does not turn the order round");
  await section.locator("input[type=search]").fill("0x29fb0000");
  check((await section.locator("tbody tr:visible").count()) === 1 && /1 of/.test(await section.locator("output").textContent()), "the filter does not filter");
  const cell = section.locator("tbody tr:visible td").nth(1);
  const rounded = await cell.textContent();
  await p.locator("#switches select").first().selectOption("exact");
  check(/iB/.test(rounded) && /^[\d,]+$/.test(await cell.textContent()), "sizes are not switched");
}

// Both themes, by the system and by the switch.
{
  const ground = (p) => p.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground(await open("demo", { colorScheme: "light" }));
  const dark = await open("demo", { colorScheme: "dark" });
  check((await ground(dark)) !== light, "the page is not dark where the system is");
  await dark.locator("#switches select").nth(1).selectOption("light");
  check((await ground(dark)) === light, "the switch does not change the theme");
}

// Many dumps, and hostile text: nothing runs, nothing is asked for, no element
// comes of it.
{
  const p = await open("many");
  await p.locator("details summary", { hasText: "Pictures and tables" }).first().click();
  await p.waitForTimeout(300);
  check((await p.locator("[data-pic=treemap] g.cell").count()) > 3, "the pictures of one of many dumps are not drawn");
  const h = await open("hostile");
  for (const d of await h.locator("main details > summary").all()) await d.evaluate((e) => (e.parentElement.open = true));
  await h.waitForTimeout(500);
  check((await h.locator("img, iframe, object, embed, link, form, [onerror], [onmouseover], [onfocus]").count()) === 0, "hostile text became an element");
  check((await h.locator("[data-pic=treemap] g.cell").count()) > 3, "the pictures of hostile text are not drawn");
}

// Without JavaScript the tables are there.
{
  const p = await open("summary", { javaScriptEnabled: false });
  check((await p.locator("table tbody tr").count()) > 20 && (await p.locator(".nojs").first().isVisible()), "without JavaScript there are no tables, or no word about it");
}

// Nothing is wider than a narrow window, and axe finds nothing.
for (const name of Object.keys(pages)) {
  for (const colorScheme of ["light", "dark"]) {
    const p = await open(name, { colorScheme, viewport: { width: colorScheme === "light" ? 390 : 1400, height: 900 } });
    check(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}, ${colorScheme}: the page scrolls sideways`);
    await p.screenshot({ path: resolve(out, `${name}-${colorScheme}.png`), fullPage: name !== "hostile" });
    if (name === "hostile") continue;
    await p.evaluate(axe);
    const { violations } = await p.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    for (const v of violations) check(false, `${name}, ${colorScheme}: ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join("; ")}`);
    await p.context().close();
  }
}
await b.close();
console.log(failures ? `${failures} failures` : `ok: ${Object.keys(pages).length} pages in ${browser}`);
process.exit(failures ? 1 : 0);
