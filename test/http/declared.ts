// What a test receives must be what the OpenAPI document declares for its route: the status, and every
// member of the body. The server checks its answers nowhere else.
import { afterAll, expect, test } from 'bun:test';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

type Declared = {
  readonly content?: { readonly 'application/json'?: { readonly schema: object } };
};
type Operation = { readonly responses: Readonly<Record<string, Declared>> };
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};

type Received = {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly text: Promise<string>;
};

/** Watches every fetch of this file; the test it adds belongs at the file's end. */
export function watchAnswers() {
  const received: Received[] = [];
  const original = globalThis.fetch;
  const watching = async (...[input, init]: Parameters<typeof fetch>) => {
    const response = await original(input, init);
    const request = input instanceof Request ? input : undefined;
    const method = (init?.method ?? request?.method ?? 'GET').toLowerCase();
    const path = new URL(request?.url ?? String(input)).pathname;
    received.push({ method, path, status: response.status, text: response.clone().text() });
    return response;
  };
  globalThis.fetch = Object.assign(watching, original);
  afterAll(() => {
    globalThis.fetch = original;
  });

  return {
    /** @param url Read when the test runs. */
    testsThatAllAreAsDeclared(url: () => string) {
      test('every answer that this file received is as the OpenAPI document declares it', async () => {
        const document = (await (await original(`${url()}/docs/json`)).json()) as Document;
        const differences = differencesFrom(document);
        expect(received.length).toBeGreaterThan(0);
        const found = await Promise.all(received.map(differences));
        expect([...new Set(found.flat())]).toEqual([]);
      });
    },
  };
}

function differencesFrom(document: Document) {
  const ajv = new Ajv2020({ allErrors: true, strict: false });
  formats['default'](ajv);
  ajv.addSchema(document, 'document');
  const validators = new Map<string, ValidateFunction>();

  function validatorAt(...steps: string[]): ValidateFunction {
    const pointer = steps.map((step) => step.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
    const known = validators.get(pointer) ?? ajv.compile({ $ref: `document#/${pointer}` });
    validators.set(pointer, known);
    return known;
  }

  return async ({ method, path, status, text }: Received): Promise<string[]> => {
    const template = Object.keys(document.paths).find((one) => matches(one, path));
    const operation = template === undefined ? undefined : document.paths[template]?.[method];
    if (template === undefined || !operation) return [];
    const place = `${method} ${template}: ${status}`;
    const declared = operation.responses[status];
    if (!declared) return [`${place} is not declared`];
    const body = await text;
    const content = declared.content ?? {};
    if (!('application/json' in content)) {
      const isDeclared = Object.keys(content).length > 0;
      return isDeclared === (body !== '') ? [] : [`${place} has a body: ${!isDeclared}`];
    }
    const steps = ['paths', template, method, 'responses', String(status), 'content'];
    const validate = validatorAt(...steps, 'application/json', 'schema');
    if (validate(JSON.parse(body))) return [];
    return validate.errors!.map(
      ({ instancePath, message }) => `${place} ${instancePath} ${message}`,
    );
  };
}

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')];
  if (wanted.length !== given.length) return false;
  return wanted.every((part, index) => part.startsWith('{') || part === given[index]);
}
