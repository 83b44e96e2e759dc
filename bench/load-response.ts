const contentLength = /\r\ncontent-length: *(\d+)/i;
const headMax = 65_536;

/** Reads one answer at a time from the chunks of a keep-alive connection. */
export class ResponseReader {
  status = 0;
  bodyLength = 0;
  #missing = 0;
  #head = '';
  #excerpt = '';

  /** True when this chunk completed an answer. */
  read(chunk: Uint8Array): boolean {
    if (this.#missing === 0) return this.#readHead(chunk);
    if (chunk.length > this.#missing) throw new Error('more bytes than Content-Length announced');
    this.#missing -= chunk.length;
    return this.#missing === 0;
  }

  excerpt() {
    return this.#excerpt;
  }

  #readHead(chunk: Uint8Array): boolean {
    const { buffer, byteOffset, length } = chunk;
    const text = this.#head + Buffer.from(buffer, byteOffset, length).toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end === -1) {
      if (text.length > headMax) throw new Error('an answer without an end of its headers');
      this.#head = text;
      return false;
    }
    this.#head = '';
    this.status = Number(text.slice(9, 12));
    this.bodyLength = bodyLengthOf(text.slice(0, end), this.status);
    this.#missing = this.bodyLength - (text.length - end - 4);
    if (this.#missing < 0) throw new Error('more bytes than Content-Length announced');
    this.#excerpt = text;
    return this.#missing === 0;
  }
}

function bodyLengthOf(head: string, status: number) {
  const length = contentLength.exec(head)?.[1];
  if (length !== undefined) return Number(length);
  if (status === 204 || status === 304) return 0;
  throw new Error(`an answer without Content-Length: ${head.slice(0, 200)}`);
}
