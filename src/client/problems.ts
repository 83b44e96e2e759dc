/** The server's answer to a request that it refused. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: number;
  /** Such as `UNAUTHORIZED`; empty if the answer was not the server's own. */
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function refusalOf(response: Response): Promise<Refused> {
  const { status } = response;
  const body: unknown = await response.json().catch(() => undefined);
  const { code = '', message } = (body ?? {}) as { code?: string; message?: string };
  return new Refused(status, code, message ?? `The server answered ${status}.`);
}

/** Whether the same request would be answered the same, however often it is sent. */
export function isFinal({ status }: Refused): boolean {
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

const shownCharsMax = 100;

/**
 * The server said what cannot be understood. What it was about is not known, so nothing that comes behind it
 * is taken: the connection is made anew behind what was understood last.
 */
export class Garbled extends Error {
  override readonly name = 'Garbled';
  constructor(said: unknown) {
    super(`What the server said cannot be understood: ${String(said).slice(0, shownCharsMax)}`);
  }
}
