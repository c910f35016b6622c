// The report page of the recorded sample in a real browser: `node report.mjs PAGE.html [FOLDER FOR PICTURES]`.
// Prints one line a check and `N passed, N failed`; exits with 1 where one failed, and says SKIPPED without a browser.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [page_path, pictures] = process.argv.slice(2);
const browser_path = process.env.CHROMIUM || ["/usr/bin/chromium", "/usr/bin/google-chrome"].find(existsSync);
if (!page_path) {
  console.error("usage: node report.mjs PAGE.html [FOLDER FOR PICTURES]");
  process.exit(2);
}
if (!browser_path) {
  console.log("SKIPPED: no browser; install Debian's package chromium, or name one in CHROMIUM");
  process.exit(0);
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const address = pathToFileURL(resolve(page_path)).href;
let passed = 0;
let failed = 0;
const check = (name, holds, found = "") => {
  if (holds) passed += 1;
  else failed += 1;
  console.log(`${holds ? "ok    " : "FAILED"} ${name}${holds ? "" : `: ${found}`}`);
};

const browser = await chromium.launch({
  executablePath: browser_path,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const open = async (options) => {
  const context = await browser.newContext({ bypassCSP: false, ...options });
  const page = await context.newPage();
  const said = [];
  const asked = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) said.push(message.text()); });
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("request", (request) => { if (request.url() !== address && !request.url().startsWith("data:")) asked.push(request.url()); });
  const started = Date.now();
  await page.goto(address);
  await page.waitForSelector("#prompt-controls:not([hidden])");
  return { page, said, asked, ms: Date.now() - started };
};

for (const scheme of ["light", "dark"]) {
  for (const width of [360, 1280, 1920]) {
    const { page, said, asked, ms } = await open({ colorScheme: scheme, viewport: { width, height: 900 } });
    const where = `${scheme}, ${width} px`;
    check(`usable in under 2 s (${where})`, ms < 2000, `${ms} ms`);
    check(`no console error (${where})`, said.length === 0, said.join(" | "));
    check(`no request leaves the page (${where})`, asked.length === 0, asked.join(" "));
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`no sideways scrolling (${where})`, over <= 0, `${over} px too wide`);

    await page.evaluate(axe);
    const result = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    const serious = result.violations.filter((one) => ["serious", "critical"].includes(one.impact));
    const words = serious.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" ")}`);
    check(`axe finds nothing serious (${where})`, serious.length === 0, words.join(" | "));
    if (pictures) {
      mkdirSync(pictures, { recursive: true });
      await page.screenshot({ path: resolve(pictures, `report-${scheme}-${width}.png`), fullPage: false });
    }
    await page.context().close();
  }
}

// Values on hover and on focus are those of the run.
const { page } = await open({ viewport: { width: 1280, height: 900 } });
const mark = page.locator("figure .wide .mark").first();
const wanted = await mark.getAttribute("aria-label");
await mark.locator(".dot").hover();
check("hover shows the mark's value", (await page.locator("#tip").textContent()) === wanted, await page.locator("#tip").textContent());
await page.mouse.move(2, 2);
await mark.focus();
check("focus shows it, too", await page.locator("#tip").isVisible());
const data = JSON.parse(await page.locator("#data").textContent());
check("the first mark is the baseline", wanted.startsWith(data.variants[0]), wanted);

// A click on a column's head sorts by its value, a second one the other way round.
const table = page.locator("table.sortable").first();
const head = table.locator("th", { hasText: "per 1,000" }).first();
const column = await head.evaluate((cell) => cell.cellIndex);
const keys = () => table.locator("tbody tr").evaluateAll((rows, at) => rows.map((row) => Number(row.cells[at].dataset.key)), column);
await head.locator("button").click();
const up = await keys();
check("a click sorts", up.every((value, at) => at === 0 || up[at - 1] <= value), up.join(" "));
await head.locator("button").click();
const down = await keys();
check("a second click turns the order", down.every((value, at) => at === 0 || down[at - 1] >= value), down.join(" "));
check("the head tells the order", (await head.getAttribute("aria-sort")) === "descending");

// The prompts: search, filter, the other candidate.
const rows = page.locator("#prompt-rows .prompt");
const one = data.prompts.rows[3];
await page.fill("#prompt-search", one.id);
await page.waitForFunction((id) => [...document.querySelectorAll("#prompt-rows .prompt h3")].every((title) => title.textContent.startsWith(id)) , one.id);
check("search finds a prompt by its id", (await rows.count()) >= 1);
await page.fill("#prompt-search", "");
await page.waitForFunction((all) => document.querySelector("#prompt-count").textContent === `${all} of ${all} prompts`, data.prompts.rows.length);
await page.selectOption("#prompt-filter", "flips");
const last = data.variants.length - 1;
await page.selectOption("#prompt-candidate", String(last));
const right = (cell) => cell && cell.score !== undefined ? cell.score >= 0.5 : null;
const flips = data.prompts.rows.filter((row) => {
  const [before, after] = [right(row.answers[0]), right(row.answers[last])];
  return before !== null && after !== null && before !== after;
}).length;
const shown = await page.locator("#prompt-count").textContent();
check("changed answers are counted as the data say", shown.startsWith(`${flips} of `), `${shown}, not ${flips}`);

// The page keeps its colors where the reader chooses them.
await page.click("#theme");
check("the color scheme can be chosen", (await page.evaluate(() => document.documentElement.dataset.theme)) === "dark");

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
