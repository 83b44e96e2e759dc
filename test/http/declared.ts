// Every status that a test receives must be declared in the OpenAPI document for its route.
import { afterAll, expect, test } from 'bun:test';

type Document = {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly responses: Readonly<Record<string, unknown>> }>>
    >
  >;
};

type Received = { readonly method: string; readonly path: string; readonly status: number };

/** Watches every fetch of this file; the test it adds belongs at the file's end. */
export function watchStatuses() {
  const received: Received[] = [];
  const original = globalThis.fetch;
  const watching = async (...[input, init]: Parameters<typeof fetch>) => {
    const response = await original(input, init);
    const request = input instanceof Request ? input : undefined;
    const method = init?.method ?? request?.method ?? 'GET';
    const path = new URL(request?.url ?? String(input)).pathname;
    received.push({ method: method.toLowerCase(), path, status: response.status });
    return response;
  };
  globalThis.fetch = Object.assign(watching, original);
  afterAll(() => {
    globalThis.fetch = original;
  });

  return {
    /** @param url Read when the test runs. */
    testsThatAllAreDeclared(url: () => string) {
      test('every status that this file received is declared in the OpenAPI document', async () => {
        const document = (await (await original(`${url()}/docs/json`)).json()) as Document;
        expect(received.length).toBeGreaterThan(0);
        expect([...new Set(received.flatMap((one) => undeclared(document, one)))]).toEqual([]);
      });
    },
  };
}

function undeclared({ paths }: Document, { method, path, status }: Received): string[] {
  const template = Object.keys(paths).find((one) => matches(one, path));
  const operation = template === undefined ? undefined : paths[template]?.[method];
  if (!operation || String(status) in operation.responses) return [];
  return [`${method} ${template}: ${status}`];
}

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')];
  if (wanted.length !== given.length) return false;
  return wanted.every((part, index) => part.startsWith('{') || part === given[index]);
}
