import { Elysia } from 'elysia';
import { EdgeRefusal } from './problem.ts';

export const bodyBytesMax = 1_048_576;

/** JSON bodies only, of at most 1 MiB, in UTF-8. */
export const jsonBodies = new Elysia({ name: 'bodies' }).onParse(
  { as: 'global' },
  async ({ request, contentType }) => {
    if (contentType !== 'application/json' && !contentType.startsWith('application/json;')) {
      throw new EdgeRefusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json.');
    }
    const text = await readText(request);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new EdgeRefusal(400, 'BAD_REQUEST', 'The body is not JSON.');
    }
  },
);

async function readText(request: Request): Promise<string> {
  const announced = Number(request.headers.get('content-length') ?? Number.NaN);
  if (announced > bodyBytesMax) throw tooLarge();
  if (!Number.isNaN(announced)) return await request.text();
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bodyBytesMax) throw tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge() {
  return new EdgeRefusal(413, 'PAYLOAD_TOO_LARGE', 'The body is larger than 1 MiB.', { connection: 'close' });
}
