import { openPostgresRows, openSqliteRows } from '../../src/testing/row-engines.ts';
import { readModelContract } from './read-model.contract.ts';

readModelContract('SQLite', openSqliteRows);
readModelContract('PostgreSQL', openPostgresRows);
