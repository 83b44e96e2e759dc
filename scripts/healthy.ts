// The health check of the container: exits 0 when the server there is alive, and nothing else is needed for it.
import { env, exit } from 'node:process';

try {
  const { ok } = await fetch(`http://127.0.0.1:${env['PORT'] || '3000'}/health`);
  exit(ok ? 0 : 1);
} catch {
  exit(1);
}
