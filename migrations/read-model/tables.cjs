// What drizzle-kit sees of the declared tables when it writes for PostgreSQL. CommonJS, because it takes
// every export for a table, and only here can exports be made in a loop.
const { checkpoints, parkedEvents } = require('../../src/projections/checkpoints.ts');
const { projections } = require('../../src/projections/index.ts');
const { schemaOfReadModels, twinOf } = require('../../src/projections/twins.ts');

const declared = [checkpoints, parkedEvents, ...projections.flatMap(({ tables }) => tables)];
const tables = declared.map((table, index) => [`table${index}`, twinOf(table)]);
module.exports = { schemaOfReadModels, ...Object.fromEntries(tables) };
