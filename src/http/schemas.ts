// The shapes of requests and answers. Texts are checked by kinds of our own, because JSON Schema has
// no words for "well-formed, without control characters, not blank".
import { Kind, type TUnsafe, Type, TypeRegistry } from '@sinclair/typebox';
import { t } from 'elysia';

const controlCharacters = /\p{Cc}/u;
const controlButLineBreaks = /[^\P{Cc}\t\n\r]/u;
const position = /^\d{1,15}$/;
const timeShape = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;
const emailShape = /^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/;

type Length = { readonly minLength: number; readonly maxLength: number };

/** Characters as people count them, not UTF-16 units. */
function hasLength(text: string, { minLength, maxLength }: Length): boolean {
  if (text.length < minLength || text.length > maxLength * 2) return false;
  return text.length <= maxLength || [...text].length <= maxLength;
}

TypeRegistry.Set<Length>('Line', (length, value) => {
  if (typeof value !== 'string' || !value.isWellFormed()) return false;
  return !controlCharacters.test(value) && hasLength(value.trim(), length);
});
TypeRegistry.Set<Length>('Prose', (length, value) => {
  if (typeof value !== 'string' || !value.isWellFormed() || value.trim() === '') return false;
  return !controlButLineBreaks.test(value) && hasLength(value, length);
});
TypeRegistry.Set<Length>('Password', (length, value) => {
  return typeof value === 'string' && value.isWellFormed() && hasLength(value, length);
});
TypeRegistry.Set('Email', (_, value) => {
  if (typeof value !== 'string' || !value.isWellFormed() || controlCharacters.test(value))
    return false;
  const address = value.trim();
  return address.length <= 254 && emailShape.test(address);
});
TypeRegistry.Set('Price', (_, value) => {
  if (typeof value !== 'number' || !(value >= 0 && value <= 10_000_000)) return false;
  return /^\d+(?:\.\d{1,2})?$/.test(String(value));
});
TypeRegistry.Set('PositionOrTime', (_, value) => {
  if (typeof value !== 'string') return false;
  return position.test(value) || (timeShape.test(value) && !Number.isNaN(Date.parse(value)));
});

function text(kind: string, length: Length, mustBe: string, example: string): TUnsafe<string> {
  return Type.Unsafe<string>({ [Kind]: kind, type: 'string', ...length, example, mustBe });
}

export const Name = text(
  'Line',
  { minLength: 1, maxLength: 200 },
  'one line of 1 to 200 characters',
  'Ada Lovelace',
);
export const Sku = text(
  'Line',
  { minLength: 1, maxLength: 64 },
  'one line of 1 to 64 characters',
  'MUG-1',
);
export const MessageText = text(
  'Prose',
  { minLength: 1, maxLength: 4_000 },
  '1 to 4,000 characters, not blank, without control characters',
  'Good morning!',
);
export const Password = text(
  'Password',
  { minLength: 8, maxLength: 256 },
  '8 to 256 characters',
  'correct horse battery',
);
export const Email = Type.Unsafe<string>({
  [Kind]: 'Email',
  type: 'string',
  format: 'email',
  maxLength: 254,
  example: 'ada@example.com',
  mustBe: 'an e-mail address',
});
export const Price = Type.Unsafe<number>({
  [Kind]: 'Price',
  type: 'number',
  minimum: 0,
  maximum: 10_000_000,
  // No `multipleOf`: dividing binary fractions, validators would refuse 19.99.
  description: 'At most two decimals.',
  example: 12.5,
  mustBe: 'a number from 0 to 10,000,000 with at most two decimals',
});

export const Id = Type.String({
  maxLength: 64,
  description: 'A UUIDv7.',
  examples: ['019aa0c4-7a3e-7000-8000-5b2f3d1c9e10'],
});
/** As it stands in an address. PostgreSQL cannot be asked for a text with a NUL. */
export const PathId = Type.String({
  maxLength: 64,
  pattern: '^[^\\u0000]*$',
  description: 'A UUIDv7.',
  examples: ['019aa0c4-7a3e-7000-8000-5b2f3d1c9e10'],
});
export const Time = Type.String({ format: 'date-time', examples: ['2026-11-23T09:45:00.000Z'] });
export const PositionOrTime = Type.Unsafe<string>({
  [Kind]: 'PositionOrTime',
  type: 'string',
  example: '2026-11-23T09:45:00.000Z',
  description: 'A position or an ISO 8601 time.',
  mustBe: 'a position or an ISO 8601 time',
});
export const Version = Type.Integer({
  minimum: 1,
  description: 'How many events its stream holds.',
});
export const Position = Type.Integer({ minimum: 0, description: 'A place in the whole log.' });

export function strict<Fields extends Parameters<typeof Type.Object>[0]>(fields: Fields) {
  return Type.Object(fields, { additionalProperties: false });
}

/**
 * What a route answers: for the types and the document. The compiler holds handlers to it, and the HTTP
 * tests hold every body they receive to the document; no request pays for that again.
 */
export function answer<Fields extends Parameters<typeof Type.Object>[0]>(fields: Fields) {
  return t.NoValidate(strict(fields));
}
