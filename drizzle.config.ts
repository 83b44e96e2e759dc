import { defineConfig } from 'drizzle-kit';

const directory = (process.env['DATABASE_URL'] ?? 'sqlite:./data').replace(/^(sqlite|file):/, '');

export default defineConfig({
  dialect: 'sqlite',
  schema: './src/projections/!(*.test).ts',
  out: './migrations/read-model/sqlite',
  dbCredentials: { url: `file:${directory}/read-model.db` },
});
