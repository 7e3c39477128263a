// node report.mjs DRIVER BROWSER VISIT PAGE: opens the report PAGE from its file, makes the visit,
// and prints as JSON what was seen, and everything that a report must not do.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { visits } from "./visits.mjs";

const [driver, executablePath, name, file] = process.argv.slice(2);
const { chromium } = createRequire(import.meta.url)(driver);
const address = pathToFileURL(file).href;
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const requests = [];
const complaints = [];
const violations = [];
const ran = [];
const figures = {};

const browser = await chromium.launch({ executablePath, headless: true, args });
try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  await context.exposeFunction("noteViolation", (words) => violations.push(words));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => window.noteViolation(`${event.violatedDirective} ${event.blockedURI}`));
  });
  context.setDefaultTimeout(120_000);
  context.on("page", watch);
  const page = await context.newPage();
  const begun = Date.now();
  await page.goto(address);
  figures.load_ms = Date.now() - begun;
  const seen = await visits[name](page, { address, figures });
  ran.push(...(await page.evaluate(() => ("ran" in window ? [String(window.ran)] : []))));
  console.log(JSON.stringify({ seen, requests, complaints, violations, ran, figures }));
} finally {
  await browser.close();
}

function watch(page) {
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== address) requests.push(request.url());
  });
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.stack));
  page.on("dialog", (dialog) => {
    ran.push(dialog.message());
    dialog.dismiss();
  });
  page.on("popup", () => ran.push("a window was opened"));
}
