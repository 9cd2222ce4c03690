// Debian's Chromium, and pages that remember everything they should not have done.
import assert from 'node:assert/strict';
import {mkdtempSync, mkdirSync, rmSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {isDeepStrictEqual} from 'node:util';

import {chromium} from 'playwright-core';

import {waitFor} from './broker.mjs';

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

// A host name of this machine that is not a local one: who comes by it is a stranger to the plugin.
export const ELSEWHERE = 'elsewhere.test';

// Chromium must not talk to anybody but the page's own server, its own services included.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
               '--disable-background-networking', '--disable-component-update', '--disable-sync',
               `--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`];

const PATIENCE_MS = 60_000;  // a busy machine with two cores and a sanitizer

export class Browser {
  static async launch() {
    const browser = new Browser();
    browser.profile = mkdtempSync(join(tmpdir(), 'session-status-chromium.'));
    browser.context = await chromium.launchPersistentContext(browser.profile, {
      executablePath: process.env.CHROMIUM,
      headless: true,
      args: FLAGS,
      viewport: {width: 1280, height: 900},
    });
    return browser;
  }

  async close() {
    await this.context.close();
    rmSync(this.profile, {recursive: true, force: true});
  }

  // `settings.prepare` runs in the page before its own script.
  async open(origin, hash, settings = {}) {
    const page = await this.context.newPage();
    const visit = new Visit(page, origin);
    visit.expectedText = settings.expectedText;
    visit.expectedStatus = settings.expectedStatus;
    await visit.watch();
    if (settings.prepare) await page.addInitScript(settings.prepare);
    if (settings.viewport) await page.setViewportSize(settings.viewport);
    await page.emulateMedia({colorScheme: settings.colorScheme ?? 'light', reducedMotion: 'reduce'});
    await page.goto(`${origin}/#${hash}`);
    return visit;
  }
}

// Waits until the live view's activity is these lines, newest first; without their times.
export async function activityIs(page, lines) {
  let shown;
  await waitFor('the activity', async () => {
    const texts = await page.locator('.activity li').allInnerTexts();
    shown = texts.map((text) => text.replace(/^[\d:]+/, '').trim().replace(/\s+/g, ' '));
    return isDeepStrictEqual(shown, lines);
  }).catch(() => assert.deepEqual(shown, lines));
}

export class Visit {
  problems = [];
  requests = [];
  bodies = [];   // of requests
  transferred = 0;

  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
  }

  async watch() {
    const {page} = this;
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (m) => {
      if (m.type() !== 'error' && m.type() !== 'warning') return;
      // What Chromium itself reports about an HTTP error status that a test provoked.
      if (this.expectedStatus && m.text().includes(`status of ${this.expectedStatus}`)) return;
      if (this.expectedText && m.text().includes(this.expectedText)) return;
      this.problems.push(`console ${m.type()}: ${m.text()}`);
    });
    page.on('pageerror', (e) => this.problems.push(`exception: ${e.message}`));
    page.on('request', (r) => {
      this.requests.push(r.url());
      this.bodies.push(`${r.url()} ${JSON.stringify(r.headers())} ${r.postData() ?? ''}`);
      if (!r.url().startsWith(`${this.origin}/`)) this.problems.push(`outside request: ${r.url()}`);
    });
    page.on('response', (r) => {
      const length = Number(r.headers()['content-length'] ?? 0);
      if (!r.url().includes('SessionStatusService')) this.transferred += length;
    });
    await page.exposeFunction('reportViolation', (text) => this.problems.push(`policy: ${text}`));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (e) =>
        window.reportViolation(`${e.violatedDirective} ${e.blockedURI}`));
    });
  }

  // To be called at the end of each test.
  assertClean() {
    assert.deepEqual(this.problems, []);
  }

  async close() {
    await this.page.close();
    this.assertClean();
  }

  // The rules of WCAG 2.2 AA and best practice. Runs in an isolated world, where the page's policy
  // does not forbid the checker.
  async accessibilityViolations() {
    const session = await this.page.context().newCDPSession(this.page);
    const {frameTree} = await session.send('Page.getFrameTree');
    const {executionContextId} = await session.send('Page.createIsolatedWorld', {
      frameId: frameTree.frame.id, worldName: 'axe'});
    const evaluate = (expression) => session.send('Runtime.evaluate', {
      expression, contextId: executionContextId, awaitPromise: true, returnByValue: true});
    await evaluate(await readFile(axePath, 'utf8'));
    const {result, exceptionDetails} = await evaluate(`axe.run(document).then((r) =>
      r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ') + ' — ' + n.failureSummary).join(' | ')))`);
    await session.detach();
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return result.value;
  }

  async screenshot(name) {
    const folders = ['screenshots'];
    if (process.env.UPDATE_SCREENSHOTS) folders.push(join(process.env.DOCS, 'screenshots'));
    await this.page.evaluate(() => window.scrollTo(0, 0));
    for (const folder of folders) {
      mkdirSync(folder, {recursive: true});
      await this.page.screenshot({path: join(folder, `${name}.png`)});
    }
  }
}
