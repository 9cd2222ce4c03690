// What a person does in the explorer, by the names that the page shows.
import assert from 'node:assert/strict';

export const BATCH = 'BatchQuerySessionByClientIds';
export const QUERY = 'QuerySessionByClientId';
export const API = 'ApsaraMQ for MQTT API';
export const ADMIN = 'Admin service';

const LIST_FIELDS = {[API]: 'ClientIdList', [ADMIN]: 'clientIds'};

export class Explorer {
  constructor(visit) {
    this.visit = visit;
    this.page = visit.page;
  }

  static async open(browser, origin, settings = {}) {
    const explorer = new Explorer(await browser.open(origin, 'explorer', settings));
    await explorer.page.getByRole('heading', {name: 'Take it away'}).waitFor();
    return explorer;
  }

  async pick(group, operation) {
    await this.page.getByRole('navigation', {name: 'Operations'})
        .locator('div', {has: this.page.getByRole('heading', {name: group})})
        .getByRole('button', {name: new RegExp(`^${operation}`)}).click();
    await this.page.getByRole('heading', {name: operation, exact: true}).waitFor();
    this.group = group;
  }

  async ids(...ids) {
    const list = LIST_FIELDS[this.group ?? API];
    for (const [i, id] of ids.entries()) {
      const field = this.page.getByLabel(`${list} ${i + 1}`, {exact: true});
      if (await field.count() === 0) await this.page.getByRole('button', {name: '+ Add'}).click();
      await field.fill(id);
    }
  }

  async field(name, value) {
    await this.page.locator(`input[name="${name}"]`).fill(value);
  }

  // `scheme`: V1 or V3.
  async sign(scheme, {id, secret, token}) {
    await this.page.getByRole('radio', {name: new RegExp(`^${scheme}`)}).check();
    await this.field('accessKeyId', id);
    await this.field('secret', secret);
    await this.field('securityToken', token);
  }

  async choose(label, value) {
    await this.page.getByRole('combobox', {name: new RegExp(`^${label}`)}).selectOption(value);
  }

  // Presses Call and waits for the answer to this very call.
  async call() {
    this.calls = (this.calls ?? 0) + 1;
    await this.page.getByRole('button', {name: 'Call', exact: true}).click();
    await this.page.getByText(new RegExp(`^Call ${this.calls}, `)).waitFor();
  }

  reply() {
    return this.page.locator('section', {has: this.page.getByRole('heading', {name: 'Reply', exact: true})});
  }

  async status(code) {
    await this.reply().getByRole('status').filter({hasText: new RegExp(`^${code} `)}).waitFor();
  }

  // The program behind the tab.
  async code(language) {
    await this.page.getByRole('tab', {name: language, exact: true}).click();
    const program = this.page.getByLabel(`${language} program`, {exact: true});
    await program.waitFor();
    return program.innerText();
  }

  async close() {
    await this.visit.close();
  }
}

export function assertAbsent(texts, secret, where) {
  for (const text of texts) assert.ok(!text.includes(secret), `the secret is in ${where}: ${text.slice(0, 200)}`);
}
