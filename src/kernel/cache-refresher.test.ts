import { describe, expect, test } from 'bun:test';
import { streamOf } from '../testing/log.ts';
import type { Question } from './cached-reads.ts';
import { createCacheRefresher } from './cache-refresher.ts';
import type { Position, StreamName } from './stream.ts';

const at = (position: number) => position as Position;

function refreshing(refresh = async () => {}) {
  const refreshed: string[] = [];
  const failures: unknown[] = [];
  const refresher = createCacheRefresher({
    reads: {
      refresh({ name }) {
        refreshed.push(name);
        return refresh();
      },
    },
    questionOf: (stream) =>
      stream === streamOf('unasked')
        ? undefined
        : ({ name: stream } as unknown as Question<unknown>),
    onFailure: (error) => failures.push(error),
  });
  return { ...refresher, refreshed, failures };
}

describe('bringing cached answers up to date', () => {
  test('waits until the rows have come that far, and happens once', () => {
    const { changed, reached, refreshed } = refreshing();
    changed([streamOf('a'), streamOf('b')], at(5));
    changed([streamOf('c')], at(7));
    reached(at(4));
    expect(refreshed).toEqual([]);
    reached(at(6));
    expect(refreshed).toEqual([streamOf('a'), streamOf('b')]);
    reached(at(7));
    reached(at(8));
    expect(refreshed).toEqual([streamOf('a'), streamOf('b'), streamOf('c')]);
  });

  test('waits for the newest change of a stream', () => {
    const { changed, reached, refreshed } = refreshing();
    changed([streamOf('a')], at(5));
    changed([streamOf('a')], at(6));
    reached(at(5));
    expect(refreshed).toEqual([]);
  });

  test('leaves alone what nobody asks about', () => {
    const { changed, reached, refreshed } = refreshing();
    changed([streamOf('unasked')], at(1));
    reached(at(1));
    expect(refreshed).toEqual([]);
  });

  test('remembers a thousand streams and no more', () => {
    const { changed, reached, refreshed } = refreshing();
    const streams = Array.from({ length: 1_500 }, (_, index): StreamName => streamOf(`${index}`));
    changed(streams, at(1));
    reached(at(1));
    expect(refreshed).toEqual(streams.slice(0, 1_000));
  });

  test('tells of what went wrong', async () => {
    const failure = new Error('the rows cannot be read');
    const { changed, reached, failures } = refreshing(() => Promise.reject(failure));
    changed([streamOf('a')], at(1));
    reached(at(1));
    await Promise.resolve();
    expect(failures).toEqual([failure]);
  });
});
