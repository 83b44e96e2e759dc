import { defineConfig } from 'drizzle-kit';

const url = process.env['DATABASE_URL'] ?? 'sqlite:./data';
const directory = url.replace(/^(sqlite|file):/, '');

export default defineConfig(
  /^postgres(ql)?:/.test(url)
    ? {
        dialect: 'postgresql',
        schema: './migrations/read-model/tables.cjs',
        out: './migrations/read-model/postgres',
        schemaFilter: ['read_model'],
        migrations: { schema: 'read_model_migrations', table: '__drizzle_migrations' },
        dbCredentials: { url },
      }
    : {
        dialect: 'sqlite',
        schema: './src/projections/!(*.test).ts',
        out: './migrations/read-model/sqlite',
        dbCredentials: { url: `file:${directory}/read-model.db` },
      },
);
