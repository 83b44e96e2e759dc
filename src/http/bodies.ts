import { Elysia } from 'elysia';
import { isDeeperThan } from './depth.ts';
import { EdgeRefusal } from './problem.ts';

const bodyBytesMax = 1_048_576;
const depthMax = 32;
const strictly = { fatal: true } as const;
/** Keeps no state between texts that are decoded whole. */
const wholeText = new TextDecoder('utf-8', strictly);

/** Routes that take bytes and read them themselves, after they have looked at who sends them. */
const otherBodies = new Set(['PUT /products/:id/image']);

/** JSON bodies only, of at most 1 MiB, in UTF-8. */
export const jsonBodies = new Elysia({ name: 'bodies' }).onParse(
  { as: 'global' },
  async ({ request, route }) => {
    if (!hasBody(request)) return undefined;
    if (otherBodies.has(`${request.method} ${route}`)) return null; // else Elysia would parse it
    if (!isJson(request.headers.get('content-type') ?? '')) {
      throw new EdgeRefusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json.');
    }
    try {
      const text = await readText(request);
      if (isDeeperThan(text, depthMax)) throw tooDeep();
      return JSON.parse(text) as unknown;
    } catch (error) {
      if (error instanceof EdgeRefusal) throw error;
      throw new EdgeRefusal(400, 'BAD_REQUEST', 'The body is not JSON in UTF-8.');
    }
  },
);

/** Told by its length where it has one: to look at `request.body` makes a stream of it, which is slow. */
function hasBody(request: Request): boolean {
  const length = request.headers.get('content-length');
  return length === null ? request.body !== null : length !== '0';
}

function isJson(contentType: string): boolean {
  return /^application\/json *(?:;|$)/i.test(contentType);
}

async function readText(request: Request): Promise<string> {
  const announced = Number(request.headers.get('content-length') ?? Number.NaN);
  if (announced > bodyBytesMax) throw tooLarge();
  if (!Number.isNaN(announced)) return wholeText.decode(await request.arrayBuffer());
  const decoder = new TextDecoder('utf-8', strictly);
  let text = '';
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bodyBytesMax) throw tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooDeep() {
  return new EdgeRefusal(400, 'BAD_REQUEST', 'The body nests deeper than 32 levels.');
}

function tooLarge() {
  return new EdgeRefusal(413, 'PAYLOAD_TOO_LARGE', 'The body is larger than 1 MiB.', {
    connection: 'close',
  });
}
