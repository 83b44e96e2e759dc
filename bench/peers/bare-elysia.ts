/** A server that does nothing but route: it answers the bytes it was given, again and again. */
import { Elysia } from 'elysia';

const bytes = process.env['BODY'] ?? '{"status":"ok"}';
const answer = { headers: { 'content-type': 'application/json' } };

new Elysia()
  .get('/ready', () => 'ready')
  .get('/products/:id', () => new Response(bytes, answer))
  .listen({ hostname: '127.0.0.1', port: Number(process.env['PORT']) });
