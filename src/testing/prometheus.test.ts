import { describe, expect, test } from 'bun:test';
import { parseMetrics } from './prometheus.ts';

const head = '# HELP a_total What a is.\n# TYPE a_total counter\n';
const histogram = '# HELP h What h is.\n# TYPE h histogram\n';

describe('the text of Prometheus', () => {
  test('is read with labels, escapes and buckets', () => {
    const text = `${head}a_total{b="x\\"y",c="\\\\"} 2\n${histogram}h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 3\nh_sum 9\nh_count 3\n`;
    const { samples, value, families } = parseMetrics(text);
    expect([...families.keys()]).toEqual(['a_total', 'h']);
    expect(samples).toHaveLength(5);
    expect(value('a_total', { c: '\\\\', b: 'x\\"y' })).toBe(2);
  });

  test.each([
    ['no type', '# HELP a_total What a is.\na_total 1\n'],
    ['no meaning', '# TYPE a_total counter\na_total 1\n'],
    ['another family', `${head}b_total 1\n`],
    ['the same sample twice', `${head}a_total{b="1",c="2"} 1\na_total{c="2",b="1"} 1\n`],
    ['the same label twice', `${head}a_total{b="1",b="2"} 1\n`],
    ['no number', `${head}a_total one\n`],
    ['less than nothing', `${head}a_total -1\n`],
    ['a label without quotes', `${head}a_total{b=1} 1\n`],
    ['a quote that is not escaped', `${head}a_total{b="x"y"} 1\n`],
    ['an unfinished line', `${head}a_total 1`],
    [
      'buckets that shrink',
      `${histogram}h_bucket{le="1"} 4\nh_bucket{le="+Inf"} 3\nh_sum 9\nh_count 3\n`,
    ],
    ['a count that is not all', `${histogram}h_bucket{le="+Inf"} 3\nh_sum 9\nh_count 4\n`],
    ['no last bucket', `${histogram}h_bucket{le="1"} 3\nh_sum 9\nh_count 3\n`],
  ])('is refused with %s', (_, text) => {
    expect(() => parseMetrics(text)).toThrow();
  });
});
