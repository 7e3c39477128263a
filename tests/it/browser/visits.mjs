// The visits: each does what a reader would, and tells what the page then shows.

const count = (page) => page.locator("#count").textContent();
const rows = (page) => page.locator("#list .row").count();
const title = (page) => page.locator("#call-title").textContent();
const chip = (page, words) => page.locator(".chip", { hasText: words });
const settled = (page) => page.waitForFunction(() => !document.getElementById("count").textContent.includes("searching"));
const texts = (page, selector) => page.locator(selector).allTextContents();
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
const focused = (page) => page.evaluate(() => document.activeElement.id);

async function look(page) {
  const figures = await page.evaluate(() => Object.fromEntries([...document.querySelectorAll("#figures > div")].map((tile) => [tile.querySelector("dt").textContent, [...tile.querySelectorAll("dd")].map((dd) => dd.innerText.replaceAll("\n", "; ")).filter(Boolean).join(" | ")])));
  return { title: await page.title(), heading: await page.locator("h1").textContent(), status: await page.locator(".when .pill").textContent(), notices: await texts(page, ".notice p"), figures, tables: await texts(page, "#tables caption"), count: await count(page), rows: await rows(page), empty: (await page.locator("#empty").isVisible()) ? await page.locator("#empty").textContent() : null, labels: await page.locator("#list .row").evaluateAll((all) => all.map((row) => row.getAttribute("aria-label"))), bars: await page.locator("#list .row .bar").evaluateAll((all) => all.map((bar) => bar.className)) };
}

async function search(page, words) {
  await page.fill("#query", words);
  await settled(page);
  return count(page);
}

async function filters(page) {
  const seen = { all: await count(page) };
  await chip(page, "invalid").click();
  seen.invalid = await count(page);
  seen.pressed = await chip(page, "invalid").getAttribute("aria-pressed");
  await page.selectOption("#agent", "editor");
  seen.none = await count(page);
  seen.empty = await page.locator("#empty").textContent();
  await page.click("#reset");
  seen.cleared = await count(page);
  await page.selectOption("#agent", "judge");
  seen.judge = await count(page);
  seen.statuses = await texts(page, "#statuses .chip");
  await page.selectOption("#model", "gpt-5-mini");
  seen.judge_on_mini = await count(page);
  await page.click("#reset");
  await chip(page, "only repairs").click();
  seen.repairs = await count(page);
  await page.click("#reset");
  await chip(page, "only retries").click();
  seen.retries = await count(page);
  await page.click("#reset");
  seen.in_prompt = await search(page, "SUBJECT number 2");
  seen.in_answer = await search(page, "ebb and flow");
  seen.in_error = await search(page, "unavailable");
  seen.nowhere = await search(page, "no such words");
  await page.fill("#query", "");
  await page.locator("#tables .link").first().click();
  seen.by_table = await count(page);
  await page.click("#reset");
  const strip = await page.locator("#density").boundingBox();
  await page.mouse.move(strip.x, strip.y + 20);
  await page.mouse.down();
  await page.mouse.move(strip.x + 5, strip.y + 20);
  await page.mouse.move(strip.x + strip.width / 20, strip.y + 20);
  await page.mouse.up();
  seen.stretch = /\d+ of \d+ calls/.test(await count(page)) && /from=\d+/.test(page.url());
  return seen;
}

async function documents(page) {
  const cells = (table, rows) => table.locator("tbody tr").evaluateAll((all, rows) => all.slice(0, rows).map((row) => [...row.cells].map((cell) => cell.textContent)), rows);
  const table = (caption) => page.locator("#tables .table", { has: page.locator("caption", { hasText: caption }) });
  const [documents, stages] = [table("By document"), table("By stage")];
  const listed = () => documents.locator("tbody tr").count();
  const seen = { captions: await texts(page, "#tables caption"), documents: await cells(documents, 3), listed: await listed(), more: await documents.locator(".more").textContent() };
  await documents.locator(".more").click();
  seen.all = await listed();
  seen.stages = await cells(stages, 9);
  await documents.locator(".link", { hasText: "tides" }).click();
  seen.of_document = await count(page);
  await stages.locator(".link", { hasText: "clean" }).click();
  seen.of_stage_too = await count(page);
  seen.chips = (await texts(page, "#only .chip")).slice(2);
  seen.address = new URL(page.url()).hash;
  await page.reload();
  seen.reloaded = await count(page);
  await chip(page, "document tides").click();
  seen.without_document = await count(page);
  await page.click("#reset");
  seen.cleared = await count(page);
  return seen;
}

async function call(page) {
  await page.locator("#list .row", { hasText: "repair 1" }).click();
  await page.locator("details.part").evaluateAll((all) => all.forEach((part) => (part.open = true)));
  await page.locator(".call pre").first().waitFor();
  const repair = { title: await title(page), steps: await texts(page, ".execution .step"), parts: await texts(page, ".call h3, .call summary"), removed: await texts(page, ".side del"), added: await texts(page, ".side ins"), messages: await texts(page, ".message-of h4"), texts: await texts(page, ".call pre"), facts: await texts(page, ".facts dt"), role: await page.locator("#call").getAttribute("role") };
  await page.locator(".execution .step").first().click();
  const invalid = { title: await title(page), error: await page.locator(".call h3").first().textContent(), pointers: await texts(page, ".violations code"), follow: await page.locator(".follow button").textContent() };
  await page.locator(".row", { hasText: "3 requests" }).click();
  const failed = { title: await title(page), requests: await page.locator(".call table").first().locator("tbody tr").count(), wire: (await texts(page, ".call summary")).filter((text) => text.startsWith("Wire")).length };
  await page.locator(".call .copy").first().click();
  const said = await page.waitForFunction(() => document.getElementById("said").textContent);
  return { repair, invalid, failed, copied: await said.jsonValue() };
}

async function keyboard(page) {
  const seen = {};
  await page.keyboard.press("j");
  await page.keyboard.press("ArrowDown");
  seen.current = await page.locator(`#${await page.locator("#list").getAttribute("aria-activedescendant")}`).getAttribute("aria-label");
  seen.focus = await focused(page);
  await page.keyboard.press("Enter");
  seen.opened = await title(page);
  await page.keyboard.press("j");
  seen.next = await title(page);
  await page.keyboard.press("[");
  seen.in_execution = await title(page);
  await page.goBack();
  seen.back = await page.locator("#call").isHidden();
  await page.keyboard.press("Enter");
  seen.again = await title(page);
  await page.keyboard.press("Escape");
  seen.closed = await page.locator("#call").isHidden();
  seen.focus_after = await focused(page);
  await page.keyboard.press("/");
  seen.search = await focused(page);
  await page.keyboard.type("jkt?");
  seen.typed = await page.inputValue("#query");
  await page.keyboard.press("Escape");
  seen.search_cleared = [await page.inputValue("#query"), await count(page)];
  await page.keyboard.press("?");
  seen.help = await page.locator("#help").evaluate((help) => help.open);
  await page.keyboard.press("Escape");
  seen.help_closed = await page.locator("#help").evaluate((help) => !help.open);
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  seen.last = await title(page);
  return seen;
}

async function address(page, { address }) {
  await chip(page, "invalid").click();
  await page.fill("#query", "ebb & flow <x>#");
  await page.fill("#query", "ebb and flow");
  await settled(page);
  await page.selectOption("#sort", "duration");
  await page.locator("#list .row").first().click();
  const seen = { count: await count(page), title: await title(page), fragment: new URL(page.url()).hash };
  await page.reload();
  await settled(page);
  seen.reloaded = { count: await count(page), title: await title(page), query: await page.inputValue("#query"), sort: await page.inputValue("#sort") };
  await page.goto("about:blank");
  await page.goto(`${address}#status=nonsense&agent=nobody&call=none&sort=constructor&from=x&to=1&q=%3Cscript%3Ewindow.ran%3D1%3C/script%3E`);
  await settled(page);
  seen.nonsense = await count(page);
  return seen;
}

// Text that stands out too little from what is behind it (WCAG AA).
const pale = () => {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let looked = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest("script, style, .hidden, .skip, :disabled")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(channels(style.color)), light(behind(element))].sort((x, y) => y - x);
    const isLarge = parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 600;
    looked += 1;
    if ((a + 0.05) / (b + 0.05) < (isLarge ? 3 : 4.5)) found.add(`${node.textContent.trim().slice(0, 30)} (${element.className}): ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  return { looked, pale: [...found] };
};

async function themes(page) {
  const seen = {};
  await page.locator("#list .row", { hasText: "repair 1" }).click();
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    seen[theme] = { ground: await ground(), ...(await page.evaluate(pale)) };
  }
  await page.keyboard.press("t");
  seen.toggled = [await page.locator("#theme-name").textContent(), await ground()];
  return seen;
}

async function phone(page) {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.reload();
  const seen = { overflow: await overflow(page), wide: await page.evaluate(() => [...document.querySelectorAll("body *")].filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > 391 && !element.closest(".table, .icons, .hidden")).map((element) => element.className)) };
  await page.locator("#list .row").nth(2).click();
  seen.modal = await page.locator("#call").getAttribute("aria-modal");
  seen.behind = await page.evaluate(() => document.getElementById("list").inert);
  seen.covers = await page.locator("#call").evaluate((call) => call.getBoundingClientRect().width);
  seen.inline = [await page.locator(".difference .inline ins").first().isVisible(), await page.locator(".difference .side ins").first().isVisible()];
  seen.overflow_with_call = await overflow(page);
  await page.locator(".call-head [aria-label^=Close]").click();
  seen.closed = [await page.locator("#call").isHidden(), await page.evaluate(() => document.getElementById("list").inert)];
  return seen;
}

async function everything(page) {
  const seen = { labels: await page.locator("#list .row").evaluateAll((all) => all.map((row) => row.getAttribute("aria-label"))), texts: [] };
  for (let at = 0; at < (await rows(page)); at += 1) {
    await page.locator("#list .row").nth(at).click();
    await page.locator("details.part").evaluateAll((all) => all.forEach((part) => (part.open = true)));
    for (const folded of [".unfold", ".unchanged"]) while ((await page.locator(folded).count()) > 0) await page.locator(folded).first().click();
    seen.texts.push(...(await texts(page, ".call pre, .call li, .call dd")));
  }
  seen.made = await page.evaluate(() => document.querySelectorAll("img, iframe, object, embed, a[href], link, base, video, audio, form, [onerror], [onload], meta[http-equiv=refresh], body script:not([type]) ~ script").length);
  seen.scripts = await page.evaluate(() => document.querySelectorAll("script:not([type='application/json'])").length);
  return seen;
}

async function huge(page, { figures }) {
  const begun = Date.now();
  await page.locator("#list .row").first().click();
  const folded = await page.locator(".call pre").first().evaluate((pre) => pre.textContent.length);
  figures.open_ms = Date.now() - begun;
  const unfolding = Date.now();
  await page.locator(".unfold").first().click();
  const whole = await page.locator(".call pre").first().evaluate((pre) => pre.textContent.length);
  figures.unfold_ms = Date.now() - unfolding;
  return { folded, whole };
}

async function many(page, { figures }) {
  const seen = { count: await count(page), rows: await rows(page) };
  const timed = async (name, work) => {
    const begun = Date.now();
    await work();
    figures[name] = Date.now() - begun;
  };
  // The longest time that the page could not answer while something went on.
  await page.evaluate(() => {
    window.frames_seen = [];
    let last = performance.now();
    const tick = (now) => {
      window.frames_seen.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  const frames = async (name) => {
    const seen = (await page.evaluate(() => window.frames_seen.splice(0))).sort((a, b) => a - b);
    figures[`frames_of_${name}_ms`] = { median: Math.round(seen[seen.length >> 1]), longest: Math.round(seen.at(-1)) };
  };
  await timed("filter_ms", () => chip(page, "invalid").click());
  seen.invalid = await count(page);
  await page.click("#reset");
  await frames("filters");
  await timed("first_search_ms", () => search(page, "answer 9876"));
  seen.found = await count(page);
  await frames("first_search");
  await timed("second_search_ms", () => search(page, "subject 1234 and"));
  seen.found_again = await count(page);
  await frames("second_search");
  await page.fill("#query", "");
  await page.evaluate(() => window.frames_seen.splice(0));
  seen.most_rows = await page.evaluate(async () => {
    let most = 0;
    const step = document.documentElement.scrollHeight / 120;
    for (let at = 0; at < 120; at += 1) {
      window.scrollTo(0, at * step);
      await new Promise((done) => requestAnimationFrame(done));
      most = Math.max(most, document.querySelectorAll("#list .row").length);
    }
    return most;
  });
  await frames("scrolling");
  await page.locator("#list .row").last().click();
  await page.keyboard.press("Escape");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  seen.last = await title(page);
  seen.elements = await page.evaluate(() => document.querySelectorAll("body *").length);
  return seen;
}

/** A page whose script may not run. */
async function blocked(page) {
  return { heading: await page.locator("h1").textContent() };
}

export const visits = { blocked, look, filters, documents, call, keyboard, address, themes, phone, everything, huge, many };
