// What every answer tells a browser not to do with it. A route that knows better says so in its own headers.
import { createHash } from 'node:crypto';

const year = 365 * 24 * 60 * 60;
const nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

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
  const scripts = [...html.matchAll(/<script>([^]*?)<\/script>/g)].map(([, text]) => hashOf(text!));
  const styles = [...html.matchAll(/<style>([^]*?)<\/style>/g)].map(([, text]) => hashOf(text!));
  return [
    nothing,
    ["script-src 'self'", ...scripts].join(' '),
    ["style-src 'self'", ...styles].join(' '),
    "img-src 'self' data:",
    "connect-src 'self'",
  ].join('; ');
}

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
