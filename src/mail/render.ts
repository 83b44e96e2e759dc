// A letter as the text and the HTML of a mail. No colours of its own, so that a dark screen stays dark; no
// images, no links, nothing that is fetched.
import type { Letter, Person } from '../effects/letter.ts';

const nameLengthMax = 60;
/** What mail programs make links of: `evil.example`, `evil.example/x`, `x:y`, `a@b`. */
const linkLike = /[/:@\\]|\.\p{L}{2}/u;

export type Rendered = { readonly text: string; readonly html: string };

export function render({ subject, paragraphs }: Letter, to: Person): Rendered {
  const name = greetableName(to);
  const greeting = name === undefined ? 'Hello,' : `Hello ${name},`;
  const markedUp = name === undefined ? 'Hello,' : `Hello <bdi>${Bun.escapeHTML(name)}</bdi>,`;
  return {
    text: `${[greeting, ...paragraphs].join('\n\n')}\n`,
    html: page(subject, [markedUp, ...paragraphs.map((one) => Bun.escapeHTML(one))]),
  };
}

/**
 * Anybody can register with somebody else's address and any name, so a name must not carry a message of
 * its own to that address.
 */
export function greetableName({ name }: Person): string | undefined {
  const plain = name.replaceAll(/\p{C}+/gu, ' ').trim();
  return plain === '' || plain.length > nameLengthMax || linkLike.test(plain) ? undefined : plain;
}

function page(subject: string, paragraphs: readonly string[]): string {
  const body = paragraphs.map((one) => `<p>${one}</p>`).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${Bun.escapeHTML(subject)}</title>
</head>
<body>
<div style="max-width: 36em; margin: 0 auto; padding: 1em; font: 16px/1.5 sans-serif">
${body}
</div>
</body>
</html>
`;
}
