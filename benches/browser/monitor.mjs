// The monitor's page in a real browser: `node monitor.mjs INFERCOST [FOLDER FOR PICTURES]`. Starts the program on scripted
// sensors, one of which vanishes, beside a scripted server. Prints one line a check and `N passed, N failed`.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const [program, pictures] = process.argv.slice(2);
const browser_path = process.env.CHROMIUM || ["/usr/bin/chromium", "/usr/bin/google-chrome"].find(existsSync);
if (!program) {
  console.error("usage: node monitor.mjs INFERCOST [FOLDER FOR PICTURES]");
  process.exit(2);
}
if (!browser_path) {
  console.log("SKIPPED: no browser; install Debian's package chromium, or name one in CHROMIUM");
  process.exit(0);
}

let passed = 0;
let failed = 0;
const check = (name, holds, found = "") => {
  if (holds) passed += 1;
  else failed += 1;
  console.log(`${holds ? "ok    " : "FAILED"} ${name}${holds ? "" : `: ${found}`}`);
};

// Two boards as hwmon chips: their gauges are files, so a test can move them and take them away.
const root = mkdtempSync(join(tmpdir(), "infercost-monitor-"));
const chip = (index, name, watts) => {
  const folder = join(root, "class/hwmon", `hwmon${index}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "name"), `${name}\n`);
  writeFileSync(join(folder, "power1_average"), `${watts * 1e6}\n`);
  writeFileSync(join(folder, "power1_cap"), "300000000\n");
  writeFileSync(join(folder, "temp1_input"), "61000\n");
  return folder;
};
const hostile = "<img src=x onerror=alert(1)>";
const lasting = chip(0, "amdgpu", 120);
const vanishing = chip(1, "xe", 80);
mkdirSync(join(lasting, "device"), { recursive: true });
writeFileSync(join(lasting, "device/product_name"), `${hostile}\n`);

let tokens = 0;
const ticking = setInterval(() => { tokens += 20; }, 200);
const server = createServer((request, response) => {
  response.end(`llamacpp:tokens_predicted_total ${tokens}\nllamacpp:prompt_tokens_total 0\nllamacpp:requests_processing 1\nllamacpp:requests_deferred 0\n`);
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));

const monitor = spawn(resolve(program), [
  "monitor", "--json", "--interval", "500ms", "--listen", "127.0.0.1:0",
  "--server", `http://127.0.0.1:${server.address().port}`, "--alert", "gpu.power > 150 W",
], { cwd: root, env: { ...process.env, INFERCOST_SYSFS_ROOT: root, INFERCOST_NVML_LIBRARY: join(root, "none.so") }, stdio: ["ignore", "ignore", "pipe"] });
const address = await new Promise((found, lost) => {
  let said = "";
  monitor.stderr.on("data", (data) => {
    said += data;
    const match = said.match(/page: (http:\/\/[0-9.:]+)/);
    if (match) found(match[1]);
  });
  monitor.on("exit", () => lost(new Error(said)));
});

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: browser_path, args: ["--no-sandbox", "--disable-gpu"] });
const open = async (options) => {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const said = [];
  const asked = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) said.push(message.text()); });
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("dialog", (dialog) => { said.push("a dialog"); dialog.dismiss(); });
  page.on("request", (request) => { if (!request.url().startsWith(address) && !request.url().startsWith("data:")) asked.push(request.url()); });
  await page.goto(address);
  await page.waitForSelector("#devices tbody tr");
  return { page, said, asked };
};
const text = (page, selector) => page.locator(selector).first().textContent();
const until = async (what, patience = 10000) => {
  const end = Date.now() + patience;
  while (Date.now() < end) {
    if (await what()) return true;
    await new Promise((done) => setTimeout(done, 200));
  }
  return false;
};

const { page, said, asked } = await open({ viewport: { width: 1280, height: 900 } });
await until(async () => /tok\/s/.test(await text(page, "#answer")));
check("devices, a server and money are shown", /llama\.cpp/.test(await text(page, "#servers")) && /120 W/.test(await text(page, "#devices")), await text(page, "#devices"));
check("what a device calls itself is text", (await text(page, "#devices")).includes(hostile) && (await page.locator("#devices img").count()) === 0);

// Values change live.
writeFileSync(join(lasting, "power1_average"), `${200 * 1e6}\n`);
check("a value changes live", await until(async () => /200 W/.test(await text(page, "#devices"))), await text(page, "#devices"));
check("an alert is raised", await until(async () => /gpu\.power > 150 W/.test(await text(page, "#alerts"))));

// A device that vanishes is gone, and no zero.
rmSync(vanishing, { recursive: true });
const gone = await until(async () => /gone for/.test(await text(page, "#devices tr.away, #devices").catch(() => "")) && (await page.locator("#devices tr.away").count()) === 1);
check("a device that vanishes is shown as gone", gone, await text(page, "#devices"));
check("the page says what happened", /is gone/.test(await text(page, "#events")));

// Why a reading is missing.
const dash = page.locator(".missing").first();
check("a missing reading says why", /not known: ./.test(await dash.getAttribute("aria-label")));

for (const scheme of ["light", "dark"]) {
  for (const width of [360, 1280, 1920]) {
    const { page, said, asked } = await open({ colorScheme: scheme, viewport: { width, height: 900 } });
    const where = `${scheme}, ${width} px`;
    await new Promise((done) => setTimeout(done, 1500));
    check(`no console error (${where})`, said.length === 0, said.join(" | "));
    check(`no request leaves the page (${where})`, asked.length === 0, asked.join(" "));
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`no sideways scrolling (${where})`, over <= 0, `${over} px too wide`);
    const result = await (async () => {
      // axe is put in by the driver, which the page's policy does not concern
      await page.evaluate(axe);
      return page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    })();
    const serious = result.violations.filter((one) => ["serious", "critical"].includes(one.impact));
    check(`axe finds nothing serious (${where})`, serious.length === 0, serious.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 120)}`).join(" | "));
    if (pictures) {
      mkdirSync(pictures, { recursive: true });
      await page.screenshot({ path: resolve(pictures, `monitor-${scheme}-${width}.png`) });
    }
    await page.context().close();
  }
}

// A monitor that ends is said to be gone.
monitor.kill("SIGTERM");
check("the page says that the monitor is gone", await until(async () => /does not answer/.test(await text(page, "#state"))), await text(page, "#state"));
check("no console error but the lost stream", said.every((line) => /ERR_|Failed to load/.test(line)), said.join(" | "));
check("no request left the page", asked.length === 0, asked.join(" "));

await browser.close();
server.close();
clearInterval(ticking);
rmSync(root, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
