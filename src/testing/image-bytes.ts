// Real images of any size in pixels, as their headers tell it; nobody looks at the pixels.
import { deflateSync } from 'node:zlib';

function chunk(type: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(Bun.hash.crc32(named));
  return Buffer.concat([length, named, sum]);
}

/** @param note Makes images of the same size differ. */
export function png(width = 3, height = 2, note = ''): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 0], 8);
  const row = new Uint8Array((width < 100 ? width : 0) + 1);
  const pixels = deflateSync(
    Buffer.concat(Array.from({ length: Math.min(height, 100) }, () => row)),
  );
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const text = chunk('tEXt', Buffer.from(`Comment\0${note}`));
  const parts = [
    chunk('IHDR', header),
    text,
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ];
  return new Uint8Array(Buffer.concat([signature, ...parts]));
}

/** Lies on its side from orientation 5 on. */
export function jpeg(width = 3, height = 2, orientation = 1): Uint8Array<ArrayBuffer> {
  const entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, ...entry, 0, 0, 0, 0];
  const exif = [...Buffer.from('Exif\0\0', 'latin1'), ...tiff];
  const frame = [8, height >> 8, height & 255, width >> 8, width & 255, 1, 1, 0x11, 0];
  const info = [0xff, 0xe1, 0, exif.length + 2, ...exif];
  const start = [0xff, 0xc0, 0, frame.length + 2, ...frame];
  return new Uint8Array([0xff, 0xd8, ...info, ...start, 0xff, 0xd9]);
}

/** The extended form, which has its size in its first chunk. */
export function webp(width = 3, height = 2): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.alloc(30);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(22, 4);
  bytes.write('WEBPVP8X', 8, 'latin1');
  bytes.writeUInt32LE(10, 16);
  bytes.writeUIntLE(width - 1, 24, 3);
  bytes.writeUIntLE(height - 1, 27, 3);
  return new Uint8Array(bytes);
}
