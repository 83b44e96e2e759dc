import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { startServer, type TestServer } from '../../src/testing/server.ts';
import { closeBrowser, openPage, type Page } from './page.ts';

setDefaultTimeout(60_000);

let server: TestServer;
let page: Page;

beforeAll(async () => {
  server = await startServer();
  page = await openPage(`${server.url}/docs`);
});
afterAll(async () => {
  closeBrowser();
  await server.stop();
});

type Paths = Readonly<Record<string, object>>;

describe('the reference page', () => {
  test('may run nothing but what it brought', async () => {
    const { headers } = await fetch(`${server.url}/docs`);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toStartWith("default-src 'none'; ");
    expect(policy).toMatch(/script-src 'self'(?: 'sha256-[\w+/]{43}=')+;/);
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  });

  test('shows every route, and breaks its own policy nowhere', async () => {
    const { paths } = (await (await fetch(`${server.url}/docs/json`)).json()) as { paths: Paths };
    const routes = Object.values(paths).flatMap((methods) => Object.keys(methods));
    await page.showsSoMany('.opblock', routes.length);
    const broken = await page.evaluate<string[]>(`(() => {
      const observer = new ReportingObserver(() => {}, { types: ['csp-violation'], buffered: true });
      observer.observe();
      return observer.takeRecords().map(({ body }) => body.effectiveDirective + ' ' + body.blockedURL);
    })()`);
    expect(broken).toEqual([]);
  });

  test('is styled, and asks the server', async () => {
    const background = `getComputedStyle(document.querySelector('.opblock-get .opblock-summary-method')).backgroundColor`;
    expect(await page.evaluate<string>(background)).toBe('rgb(97, 175, 254)');
    const health = '#operations-Operations-getHealth';
    for (const part of ['.opblock-summary-control', '.try-out__btn', '.execute']) {
      await page.showsSoMany(`${health} ${part}`, 1);
      await page.evaluate(`document.querySelector('${health} ${part}').click()`);
    }
    await page.shows(`${health} .live-responses-table tbody td.response-col_status`, '200');
  });

  test('runs no script that is smuggled in', async () => {
    await page.evaluate(`(() => {
      const script = document.createElement('script');
      script.textContent = 'window.smuggled = true';
      document.body.append(script);
      document.body.insertAdjacentHTML('beforeend', '<img src="/nothing" onerror="window.smuggled = true">');
    })()`);
    await page.showsSoMany('img[src="/nothing"]', 1);
    expect(await page.evaluate('typeof window.smuggled')).toBe('undefined');
  });
});
