// What every answer tells a browser not to do with it. A route that knows better says so in its own headers.
import { createHash } from 'node:crypto';

const year = 365 * 24 * 60 * 60;
/** As a policy: nothing is loaded, run or sent, and no page may show it within itself. */
export const nothing =
  "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function protectiveHeaders(isProduction: boolean): Record<string, string> {
  return {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': nothing,
    'cache-control': 'no-store',
    ...(isProduction && { 'strict-transport-security': `max-age=${year}; includeSubDomains` }),
  };
}

/** For a page of our own: what it loads comes from here, and of what stands in it only this runs. */
export function pagePolicy(html: string): string {
  return [
    nothing,
    ["script-src 'self'", ...hashesOf(html, 'script')].join(' '),
    ["style-src 'self'", ...hashesOf(html, 'style')].join(' '),
    "img-src 'self' data:",
    "connect-src 'self'",
  ].join('; ');
}

/** Of what stands between the tags themselves, and is not loaded. */
function hashesOf(html: string, tag: string): string[] {
  const [, ...texts] = html.split(`<${tag}>`);
  return texts.map((text) => {
    const [content = ''] = text.split(`</${tag}>`);
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
  });
}
