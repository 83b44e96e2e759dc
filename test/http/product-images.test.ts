import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promote, signUp, startServer, type TestServer } from '../../src/testing/server.ts';
import { watchAnswers } from './declared.ts';
import { jpeg, png, webp } from '../../src/testing/image-bytes.ts';
import { eventually, exchange, expectProblem, newSku, positionOf, send } from './requests.ts';

const answers = watchAnswers();
let server: TestServer;
let ada: Awaited<ReturnType<typeof signUp>>;
let eve: Awaited<ReturnType<typeof signUp>>;
let moderator: Awaited<ReturnType<typeof promote>>;

beforeAll(async () => {
  server = await startServer();
  const mo = await signUp(server.url);
  moderator = await promote(server, mo.user.id, mo.email, 'moderator');
  ada = await signUp(server.url);
  eve = await signUp(server.url);
});
afterAll(() => server.stop());

const unknownId = '01900000-0000-7000-8000-000000000000';
const limit = 5 * 1_048_576;

async function create() {
  const { data } = await ada.client.products.post({ name: 'Mug', price: 1, sku: newSku() });
  return data!.id;
}

type Sending = { token?: string; type?: string; headers?: Record<string, string> };

function attach(
  id: string,
  body: NonNullable<RequestInit['body']>,
  { token, type = 'image/png', headers }: Sending = {},
) {
  return send(server.url, `PUT /products/${id}/image`, {
    token: token ?? ada.accessToken,
    body,
    headers: { 'content-type': type, ...headers },
  });
}

/** Sends half of an image, and nothing more until it is told to. */
async function begin(id: string, bytes: Uint8Array) {
  const { hostname, port } = new URL(server.url);
  const head = [
    `PUT /products/${id}/image HTTP/1.1`,
    'Host: localhost',
    `Authorization: Bearer ${ada.accessToken}`,
    'Content-Type: image/png',
    `Content-Length: ${bytes.byteLength}`,
    '\r\n',
  ].join('\r\n');
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: { data() {}, close: () => resolve() },
  });
  socket.write(head);
  socket.write(bytes.subarray(0, bytes.byteLength / 2));
  socket.flush();
  return { socket, closed };
}

const detach = (id: string, { token, headers }: Sending = {}) =>
  send(server.url, `DELETE /products/${id}/image`, {
    token: token ?? ada.accessToken,
    ...(headers && { headers }),
  });

type Shown = {
  version: number;
  image: { url: string; contentType: string; width: number; height: number; bytes: number } | null;
};
const shownBy = async (response: Response) => (await response.json()) as Shown;

async function shown(id: string) {
  const { data } = await ada.client.products({ id }).get({ query: {} });
  return data!;
}

async function history(id: string) {
  const { data } = await ada.client.products({ id }).history.get();
  return data!.data.map(({ type, data }) => ({ type, data }));
}

const blobOf = (bytes: Uint8Array) => {
  const key = Bun.SHA256.hash(bytes, 'hex');
  return Bun.file(join(server.directory, 'images', key.slice(0, 2), key));
};

describe('giving a product an image', () => {
  test.each([
    ['image/png', png(640, 480), 640, 480],
    ['image/jpeg', jpeg(640, 480), 640, 480],
    ['image/jpeg', jpeg(640, 480, 6), 480, 640],
    ['image/webp', webp(640, 480), 640, 480],
  ] as const)('shows a %s with its size as people see it', async (type, bytes, width, height) => {
    const id = await create();
    const response = await attach(id, bytes, { type });
    expect(response.status).toBe(200);
    expect(response.headers.get('etag')).toBe('"2"');
    expect(positionOf(response)).toBeGreaterThan(0);
    const product = await shownBy(response);
    const url = expect.stringMatching(/^\/images\/[0-9a-f]{64}\.(png|jpg|webp)\?until=\d+&proof=/);
    const image = { url, contentType: type, width, height, bytes: bytes.byteLength };
    expect(product).toMatchObject({ id, version: 2, image });
    expect(await shown(id)).toEqual(product as never);
  });

  test('is possible through the typed client', async () => {
    const [id, image] = [await create(), new Blob([png(6, 4)], { type: 'image/png' })];
    const headers = { 'content-type': image.type };
    const options = { headers, fetch: { body: image } };
    const { data, error } = await ada.client.products({ id }).image.put(undefined, options);
    expect(error).toBeNull();
    expect(data!.image).toMatchObject({ width: 6, height: 4 });
  });

  test('is an event that names the bytes by their digest', async () => {
    const [id, bytes] = [await create(), png(7, 5)];
    await attach(id, bytes);
    const key = Bun.SHA256.hash(bytes, 'hex');
    const data = { key, contentType: 'image/png', width: 7, height: 5, bytes: bytes.byteLength };
    expect((await history(id)).at(-1)).toEqual({ type: 'ProductImageAttached', data });
  });

  test('with the same bytes again changes nothing, and stores them again if they were lost', async () => {
    const [id, bytes] = [await create(), png(3, 3, 'again')];
    const first = await attach(id, bytes);
    rmSync(blobOf(bytes).name!);
    const second = await attach(id, bytes);
    expect(positionOf(second)).toBe(positionOf(first));
    expect(second.headers.get('etag')).toBe('"2"');
    expect(await blobOf(bytes).bytes()).toEqual(bytes);
    expect(await history(id)).toHaveLength(2);
  });

  test('replaces the one it had; the past shows the old one', async () => {
    const id = await create();
    const first = await attach(id, png(1, 1, 'old'));
    await attach(id, png(2, 2, 'new'));
    expect((await shown(id)).image).toMatchObject({ width: 2, height: 2 });
    const query = { asOf: String(positionOf(first)) };
    const { data } = await ada.client.products({ id }).get({ query });
    expect(data?.image).toMatchObject({ width: 1, height: 1 });
  });

  test('is for its creator, moderators and admins; nothing of others is stored', async () => {
    const [id, bytes] = [await create(), png(3, 3, 'not yours')];
    await expectProblem(await attach(id, bytes, { token: eve.accessToken }), 403, 'FORBIDDEN');
    expect(await blobOf(bytes).exists()).toBe(false);
    expect((await attach(id, bytes, { token: moderator.accessToken })).status).toBe(200);
  });

  test('is refused for a product that is not there, or no longer', async () => {
    const id = await create();
    await ada.client.products({ id }).delete();
    const bytes = png(3, 3, 'nowhere');
    await expectProblem(await attach(id, bytes), 404, 'NOT_FOUND');
    await expectProblem(await attach(unknownId, bytes), 404, 'NOT_FOUND');
    expect(await blobOf(bytes).exists()).toBe(false);
  });

  test('is refused when the product has changed since it was read', async () => {
    const id = await create();
    await ada.client.products({ id }).patch({ price: 2 });
    const late = await attach(id, png(), { headers: { 'if-match': '"1"' } });
    await expectProblem(late, 412, 'PRECONDITION_FAILED');
    expect((await attach(id, png(), { headers: { 'if-match': '"2"' } })).status).toBe(200);
  });

  test('is refused to strangers before anything is read', async () => {
    const id = await create();
    const response = await exchange(
      server.url,
      `PUT /products/${id}/image HTTP/1.1`,
      'Host: localhost',
      'Content-Type: image/png',
      'Content-Length: 1000000',
      '',
      'a few of them',
    );
    await expectProblem(response, 401, 'UNAUTHORIZED');
  });
});

describe('the body of an image', () => {
  test.each(['image/svg+xml', 'image/gif', 'application/json', 'text/html', 'multipart/form-data'])(
    'is refused as %p',
    async (type) => {
      await expectProblem(
        await attach(await create(), png(), { type }),
        415,
        'UNSUPPORTED_MEDIA_TYPE',
      );
    },
  );

  test('is refused if it is of another type than declared', async () => {
    const response = await attach(await create(), png(), { type: 'image/jpeg' });
    await expectProblem(response, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  test.each([
    ['empty', new Uint8Array()],
    ['text', new TextEncoder().encode('no image at all')],
    ['a signature only', png().slice(0, 8)],
    ['cut in its header', png().slice(0, 20)],
    [
      'SVG',
      new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'),
    ],
    ['GIF', new TextEncoder().encode('GIF89a\x01\x00\x01\x00\x00\x00\x00;')],
    ['without width', png(0, 5)],
    ['without height', png(5, 0)],
    ['wider than 8,000 pixels', png(8_001, 1)],
    ['higher than 8,000 pixels', png(1, 8_001)],
    ['larger than 40 megapixels', png(8_000, 5_001)],
    ['JPEG of empty segments', emptySegments()],
    [
      'ICNS with an entry of no length',
      new TextEncoder().encode('icns\0\0\0\x40ic07'.padEnd(64, '\0')),
    ],
  ])('is refused if it is %s', async (_, bytes) => {
    const id = await create();
    await expectProblem(await attach(id, bytes), 422, 'VALIDATION_ERROR');
    expect(await blobOf(bytes).exists()).toBe(false);
    expect(await history(id)).toHaveLength(1);
  });

  test('may have 8,000 pixels a side, 40 megapixels, and 5 MiB', async () => {
    expect((await attach(await create(), png(8_000, 5_000))).status).toBe(200);
    const bytes = padded(limit);
    const response = await attach(await create(), bytes);
    expect(response.status).toBe(200);
    const { image } = await shownBy(response);
    expect(await (await fetch(server.url + image!.url)).bytes()).toEqual(bytes);
  });

  test('is refused beyond 5 MiB, by its length and by what comes', async () => {
    const id = await create();
    await expectProblem(await attach(id, padded(limit + 1)), 413, 'PAYLOAD_TOO_LARGE');
    const endless = new ReadableStream({ pull: (sink) => sink.enqueue(padded(65_536)) });
    await expectProblem(await attach(id, endless), 413, 'PAYLOAD_TOO_LARGE');
  });

  test('leaves nothing behind if half of it comes', async () => {
    const [id, bytes] = [await create(), padded(100_000)];
    const { socket, closed } = await begin(id, bytes);
    socket.end();
    await closed;
    expect(await history(id)).toHaveLength(1);
    expect(await blobOf(bytes.subarray(0, 50_000)).exists()).toBe(false);
    expect((await shown(id)).image).toBeNull();
  });

  test('is one of at most eight that a user sends at once, so that memory holds them', async () => {
    const [id, bytes] = [await create(), padded(100_000)];
    const begun = await Promise.all(Array.from({ length: 8 }, () => begin(id, bytes)));
    const refused = await eventually(
      () => attach(id, png()),
      ({ status }) => status !== 200,
    );
    expect(refused.headers.get('retry-after')).toBe('5');
    await expectProblem(refused, 429, 'RATE_LIMITED');
    expect((await attach(id, png(), { token: moderator.accessToken })).status).toBe(200);
    for (const { socket } of begun) socket.end();
    await eventually(
      () => attach(id, png()),
      ({ status }) => status === 200,
    );
  });

  test('of other routes are JSON as before', async () => {
    const response = await send(server.url, `PATCH /products/${await create()}`, {
      token: ada.accessToken,
      body: png(),
      headers: { 'content-type': 'image/png' },
    });
    await expectProblem(response, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });
});

describe('removing the image of a product', () => {
  test('leaves it without one', async () => {
    const [id, bytes] = [await create(), png(3, 3, 'away')];
    await attach(id, bytes);
    const response = await detach(id);
    expect(response.status).toBe(204);
    expect(positionOf(response)).toBeGreaterThan(0);
    expect((await shown(id)).image).toBeNull();
    const data = { key: Bun.SHA256.hash(bytes, 'hex') };
    expect((await history(id)).at(-1)).toEqual({ type: 'ProductImageDetached', data });
    await expectProblem(await detach(id), 404, 'NOT_FOUND');
  });

  test('is for its creator, moderators and admins, of the version they saw', async () => {
    const id = await create();
    await attach(id, png());
    await expectProblem(await detach(id, { token: eve.accessToken }), 403, 'FORBIDDEN');
    const late = await detach(id, { headers: { 'if-match': '"1"' } });
    await expectProblem(late, 412, 'PRECONDITION_FAILED');
    await expectProblem(await detach(unknownId), 404, 'NOT_FOUND');
    expect((await detach(id, { token: moderator.accessToken })).status).toBe(204);
  });
});

describe('the image of a product', () => {
  async function attached(bytes = png(3, 2)) {
    const id = await create();
    const { image } = await shownBy(await attach(id, bytes));
    return { id, url: server.url + image!.url, key: Bun.SHA256.hash(bytes, 'hex') };
  }

  test('is fetched without a token by its address, and never taken for anything else', async () => {
    const { url, key } = await attached();
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(png(3, 2).byteLength),
      'cache-control': 'private, max-age=31536000, immutable',
      'content-disposition': `inline; filename="${key}.png"`,
      'content-security-policy':
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      etag: `"${key}"`,
    });
    expect(await response.bytes()).toEqual(png(3, 2));
  });

  test('is not sent to whoever has it', async () => {
    const { url, key } = await attached();
    for (const tag of [`"${key}"`, `W/"${key}"`, '*', `"other", "${key}"`]) {
      const response = await fetch(url, { headers: { 'if-none-match': tag } });
      expect(response.status).toBe(304);
      expect(response.headers.get('etag')).toBe(`"${key}"`);
      expect(await response.text()).toBe('');
    }
    expect((await fetch(url, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  test('has an address that nobody can make', async () => {
    const { url } = await attached();
    const { url: another } = await attached(png(4, 4));
    const changed = (change: (url: URL) => void) => {
      const copy = new URL(url);
      change(copy);
      return copy.href;
    };
    const forged = [
      changed(({ searchParams }) => searchParams.set('proof', 'A'.repeat(43))),
      changed(({ searchParams }) => searchParams.set('proof', '')),
      changed(({ searchParams }) => searchParams.set('until', '99999999999')),
      changed((copy) => (copy.pathname = new URL(another).pathname)),
      changed((copy) => (copy.pathname = copy.pathname.replace('.png', '.webp'))),
      changed((copy) => (copy.pathname = '/images/..%2Fsecrets.json')),
    ];
    for (const one of forged) await expectProblem(await fetch(one), 403, 'FORBIDDEN');
    const bare = await fetch(changed((copy) => (copy.search = '')));
    await expectProblem(bare, 422, 'VALIDATION_ERROR');
  });

  test('is found by whoever is signed in, at the address of the product', async () => {
    const { id, url } = await attached();
    const route = `GET /products/${id}/image` as const;
    const ask = {
      headers: { authorization: `Bearer ${eve.accessToken}` },
      redirect: 'manual',
    } as const;
    const response = await fetch(`${server.url}/products/${id}/image`, ask);
    expect(response.status).toBe(302);
    expect(server.url + response.headers.get('location')).toBe(url);
    await expectProblem(await send(server.url, route), 401, 'UNAUTHORIZED');
  });

  test('is told not to be there where there is none', async () => {
    const token = eve.accessToken;
    for (const id of [await create(), unknownId]) {
      const response = await send(server.url, `GET /products/${id}/image`, { token });
      await expectProblem(response, 404, 'NOT_FOUND');
    }
  });

  test('is told to be gone once its bytes are', async () => {
    const bytes = png(3, 3, 'gone');
    const { url } = await attached(bytes);
    rmSync(blobOf(bytes).name!);
    await expectProblem(await fetch(url), 404, 'NOT_FOUND');
  });

  test('is in lists', async () => {
    const { id, url } = await attached();
    const { data } = await ada.client.products.get({ query: { limit: 100 } });
    const found = data!.data.find((one) => one.id === id);
    expect(server.url + found!.image!.url).toBe(url);
  });
});

/** Valid, and as many bytes as wanted. */
function padded(bytes: number): Uint8Array<ArrayBuffer> {
  return png(9, 9, 'x'.repeat(bytes - png(9, 9).byteLength));
}

function emptySegments(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(limit - 2);
  for (let at = 2; at + 4 <= bytes.length; at += 4) bytes.set([0xff, 0xe1, 0, 2], at);
  bytes.set([0xff, 0xd8]);
  return bytes;
}

answers.testsThatAllAreAsDeclared(() => server.url);
