import { describe, expect, test } from 'bun:test';
import type { Position } from '../kernel/stream.ts';
import { parseMetrics } from '../testing/prometheus.ts';
import { createExposition } from './exposition.ts';
import type { Sources } from './facts.ts';
import type { Family } from './family.ts';
import { operationFamilies, projectionFamilies } from './followers.ts';
import { createTally } from './tally.ts';

const sources: Sources = {
  head: async () => 7 as Position,
  projections: async () => [
    { name: 'a', position: 5, lag: 2, status: 'stopped', progress: 0.5, parked: ['x', 'y'] },
  ],
  checks: async () => [{ name: 'log', ok: false }],
  jobs: async () => ({ waiting: 3, dead: 1 }),
};

async function render(families: readonly Family[], given: Partial<Sources> = {}) {
  const failures: string[] = [];
  const all = { ...sources, ...given };
  const { render: ask } = createExposition(families, all, (source) => failures.push(source));
  const once = async () => parseMetrics((await ask()).text);
  return { failures, once };
}

describe('what is told', () => {
  test('are the projections as they are: stopped, late, with events parked', async () => {
    const { once } = await render(projectionFamilies);
    const { value } = await once();
    const projection = 'a';
    expect(value('refold_projection_position', { projection })).toBe(5);
    expect(value('refold_projection_lag_events', { projection })).toBe(2);
    expect(value('refold_projection_parked_events', { projection })).toBe(2);
    expect(value('refold_projection_progress_ratio', { projection })).toBe(0.5);
    expect(value('refold_projection_status', { projection, status: 'stopped' })).toBe(1);
    expect(value('refold_projection_status', { projection, status: 'live' })).toBe(0);
  });

  test('are jobs by state, and checks that fail', async () => {
    const { value } = await (await render(operationFamilies)).once();
    expect(value('refold_jobs', { state: 'waiting' })).toBe(3);
    expect(value('refold_jobs', { state: 'dead' })).toBe(1);
    expect(value('refold_check_ok', { check: 'log' })).toBe(0);
  });

  test('is a histogram with every value in its bucket and in all larger ones', async () => {
    const tally = createTally([1, 10]);
    for (const value of [0, 1, 1.5, 10, 11, 100]) tally.observe(value);
    const read = () => [{ tally, labels: { of: 'a "b"\n' } }];
    const { once } = await render([{ type: 'histogram', name: 'refold_h', help: 'It.', read }]);
    const { samples } = await once();
    expect(samples.map(({ name, labels: { le }, value }) => [name, le, value])).toEqual([
      ['refold_h_bucket', '1', 2],
      ['refold_h_bucket', '10', 4],
      ['refold_h_bucket', '+Inf', 6],
      ['refold_h_sum', undefined, 123.5],
      ['refold_h_count', undefined, 6],
    ]);
  });
});

describe('a source that cannot be read', () => {
  test.each([
    ['fails', () => Promise.reject(new Error('gone'))],
    ['does not answer', () => new Promise<never>(() => {})],
  ])('and %s takes only its own metrics with it, and is counted', async (_, projections) => {
    const families = [...projectionFamilies, ...operationFamilies];
    const { once, failures } = await render(families, { projections });
    const first = await once();
    expect(first.samples.some(({ name }) => name.startsWith('refold_projection'))).toBe(false);
    expect(first.value('refold_jobs', { state: 'waiting' })).toBe(3);
    const source = 'projections';
    expect(first.value('refold_metrics_failures_total', { source })).toBe(1);
    expect((await once()).value('refold_metrics_failures_total', { source })).toBe(2);
    expect(failures).toEqual([source, source]);
  });
});
