// A page in a headless browser, driven as a person would: by what it shows, by clicks and by keys.
import { expect } from 'bun:test';
import { requireChromium } from '../../scripts/chromium.ts';

const patienceMs = 10_000;
// Its sandbox refuses root, and containers have little shared memory.
const argv = ['--no-sandbox', '--disable-dev-shm-usage'];

export type Page = Awaited<ReturnType<typeof openPage>>;

export async function openPage(url: string) {
  const path = requireChromium();
  const view = new Bun.WebView({ backend: { type: 'chrome', url: false, path, argv } });
  await view.navigate(url);

  return {
    /** What an expression is in the page. */
    evaluate: <Value>(expression: string) => view.evaluate<Value>(expression),

    click: (selector: string) => view.click(selector),

    async fill(selector: string, text: string) {
      await view.click(selector, { clickCount: 3 });
      await view.type(text);
    },

    /** Waits until these are the texts of all visible elements that match, in this order. */
    async shows(selector: string, ...texts: readonly string[]) {
      const seen = await view.evaluate<string[]>(
        `(${watch})(${JSON.stringify(selector)}, ${JSON.stringify(texts)}, ${patienceMs})`,
      );
      expect(seen).toEqual([...texts]);
    },

    /** Waits until so many elements match. */
    async showsSoMany(selector: string, count: number) {
      const wanted = `document.querySelectorAll(${JSON.stringify(selector)}).length === ${count}`;
      expect(await view.evaluate<boolean>(`(${watchFor})(() => ${wanted}, ${patienceMs})`)).toBe(
        true,
      );
    },
  };
}

/** What a test of pages ends with; the browser would else stay until the process ends. */
export function closeBrowser(): void {
  Bun.WebView.closeAll();
}

/** Runs in the page: answers the texts as soon as they are as wanted, or as they are at the end. */
const watch = `async (selector, wanted, patienceMs) => {
  const read = () =>
    [...document.querySelectorAll(selector)]
      .filter((one) => one.checkVisibility())
      .map((one) => one.innerText);
  const isWanted = () => JSON.stringify(read()) === JSON.stringify(wanted);
  await new Promise((resolve) => {
    const observer = new MutationObserver(() => isWanted() && end());
    const end = () => (observer.disconnect(), clearTimeout(timer), resolve());
    const timer = setTimeout(end, patienceMs);
    const everything = { subtree: true, childList: true, characterData: true, attributes: true };
    observer.observe(document, everything);
    if (isWanted()) end();
  });
  return read();
}`;

/** Runs in the page: whether a condition is met, now or as the page changes. */
const watchFor = `async (isMet, patienceMs) => {
  await new Promise((resolve) => {
    const observer = new MutationObserver(() => isMet() && end());
    const end = () => (observer.disconnect(), clearTimeout(timer), resolve());
    const timer = setTimeout(end, patienceMs);
    observer.observe(document, { subtree: true, childList: true, attributes: true });
    if (isMet()) end();
  });
  return isMet();
}`;
