// An image as it is sent: how much of it is read, and what it must be. Its kind and its size in pixels are read
// from its own first bytes, without decoding it; what the client says of it must agree.
import { disableTypes, imageSize, types } from 'image-size';
import type { ProductImage } from '../events/products.ts';
import { EdgeRefusal } from './problem.ts';

const imageBytesMax = 5 * 1_048_576;
const edgeMax = 8_000;
const pixelsMax = 40_000_000;
/**
 * Where the size must stand. The reader visits every segment of a JPEG: one of 5 MiB made of nothing but
 * empty segments would hold up everybody for half a second.
 */
const headBytesMax = 256 * 1_024;
/** EXIF orientations from here on lie on their side. */
const firstSideways = 5;

/** By the names that the reader of sizes has for them. No SVG: it is a program. */
const kinds: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  webp: 'image/webp',
};
export const imageTypes: readonly string[] = Object.values(kinds);
// Its readers of other formats are not for strangers' bytes: that of ICNS never comes back from an entry of length 0.
disableTypes(types.filter((type) => !Object.hasOwn(kinds, type)));

export type SentImage = { readonly image: ProductImage; readonly content: Uint8Array };

/** @throws EdgeRefusal 413, 415 or 422. */
export async function readImage(request: Request): Promise<SentImage> {
  const declared = (request.headers.get('content-type') ?? '').toLowerCase();
  if (!imageTypes.includes(declared)) {
    const message = `Send the image itself, as ${imageTypes.join(', ')}.`;
    throw new EdgeRefusal(415, 'UNSUPPORTED_MEDIA_TYPE', message, { connection: 'close' });
  }
  const { content, key } = await readWhole(request);
  const { contentType, width, height } = inspect(content);
  if (contentType !== declared) {
    throw new EdgeRefusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'The bytes are not of that type.');
  }
  return { content, image: { key, contentType, width, height, bytes: content.byteLength } };
}

/** No more is held than has come, and no more than an image may have. */
async function readWhole(request: Request) {
  if (Number(request.headers.get('content-length') ?? 0) > imageBytesMax) throw tooLarge();
  const chunks: Uint8Array[] = [];
  const hash = new Bun.CryptoHasher('sha256');
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > imageBytesMax) throw tooLarge();
    hash.update(chunk);
    chunks.push(chunk);
  }
  return { content: Buffer.concat(chunks), key: hash.digest('hex') };
}

/** A `Buffer`, because the reader slices it for each segment, and any other array would be copied each time. */
function inspect(content: Buffer) {
  const { type = '', orientation = 1, width, height } = sizeOf(content.subarray(0, headBytesMax));
  const contentType = kinds[type];
  if (contentType === undefined) throw noImage();
  if (!(width >= 1 && height >= 1)) throw noImage();
  if (Math.max(width, height) > edgeMax || width * height > pixelsMax) {
    throw invalid('The image is larger than 8,000 pixels a side or 40 megapixels in all.');
  }
  const isSideways = orientation >= firstSideways;
  return isSideways
    ? { contentType, width: height, height: width }
    : { contentType, width, height };
}

function sizeOf(head: Buffer) {
  try {
    return imageSize(head);
  } catch {
    throw noImage(); // whatever the reader stumbled over is the sender's
  }
}

const noImage = () => invalid('The body is not an image that can be read.');
const invalid = (message: string) => new EdgeRefusal(422, 'VALIDATION_ERROR', message);

function tooLarge() {
  const close = { connection: 'close' };
  return new EdgeRefusal(413, 'PAYLOAD_TOO_LARGE', 'The image is larger than 5 MiB.', close);
}
