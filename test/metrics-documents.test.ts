// What is written about metrics is what is told: the list, the dashboard and the alerts.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { parseMetrics, type Scrape } from '../src/testing/prometheus.ts';
import { signUp, startServer, type TestServer } from '../src/testing/server.ts';

const docs = join(import.meta.dir, '../docs');
const read = (file: string) => Bun.file(join(docs, file)).text();

type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
};
type Dashboard = { readonly panels: readonly Panel[] };

let server: TestServer;
let told: Scrape;

beforeAll(async () => {
  server = await startServer();
  const { client } = await signUp(server.url);
  await client.products.post({ name: 'Mug', price: 1, sku: 'MUG-1' });
  told = parseMetrics(await (await fetch(`${server.url}/metrics`)).text());
});
afterAll(() => server.stop());

/** Rows of the tables: `name`, type, labels, meaning. */
async function documented() {
  const rows = (await read('metrics.md')).matchAll(
    /^\| `(refold_\w+)` +\| (\w+) +\| ([\w, ]*?) *\| (\S.*?) *\|$/gm,
  );
  return [...rows].map(([, name, type, labels]) => ({
    name: name!,
    type: type!,
    labels: labels!.split(', ').filter(Boolean).toSorted(),
  }));
}

/** The families that an expression names; a histogram goes by its parts. */
function familiesIn(expression: string): string[] {
  const names = expression.match(/\brefold_\w+/g) ?? [];
  return names.map((name) => {
    const base = name.replace(/_(?:bucket|sum|count)$/, '');
    return told.families.get(base)?.type === 'histogram' ? base : name;
  });
}

const namesTold = () => [...told.families.keys()].toSorted();

async function expressionsOfDashboard() {
  const { panels } = (await Bun.file(join(docs, 'grafana/refold.json')).json()) as Dashboard;
  return panels.flatMap(({ targets = [] }) => targets);
}

async function alerts() {
  const { groups } = Bun.YAML.parse(await read('grafana/alerts.yml')) as {
    readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

describe('the list of metrics', () => {
  test('has each that is told, with its type, and no other', async () => {
    const listed = (await documented()).map(({ name, type }) => ({ name, type }));
    const all = [...told.families.values()].map(({ name, type }) => ({ name, type }));
    const sorted = (entries: typeof listed) =>
      entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(sorted(listed)).toEqual(sorted(all));
  });

  test('has the labels of every sample', async () => {
    const labelsOf = new Map((await documented()).map(({ name, labels }) => [name, labels]));
    const wrong = told.samples.flatMap(({ name, labels }) => {
      const [family = name] = familiesIn(name);
      const { le: _le, ...own } = labels;
      const given = Object.keys(own).toSorted().join();
      return given === labelsOf.get(family)?.join() ? [] : [`${name}: ${given}`];
    });
    expect(wrong).toEqual([]);
  });
});

describe('the dashboard', () => {
  test('shows every metric, and none that is not told', async () => {
    const shown = (await expressionsOfDashboard()).flatMap(({ expr }) => familiesIn(expr));
    expect([...new Set(shown)].toSorted()).toEqual(namesTold());
  });

  test('groups by labels that its metrics have', async () => {
    const labelsOf = new Map((await documented()).map(({ name, labels }) => [name, labels]));
    const wrong = (await expressionsOfDashboard()).filter(({ expr, legendFormat }) => {
      const known = familiesIn(expr).flatMap((name) => labelsOf.get(name) ?? []);
      const asked = [
        ...[...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!),
        ...[...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/, */)),
      ];
      return asked.some((label) => !['le', 'instance', ...known].includes(label));
    });
    expect(wrong).toEqual([]);
  });

  test('has panels with ids and titles of their own', async () => {
    const { panels } = (await Bun.file(join(docs, 'grafana/refold.json')).json()) as Dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    expect(
      panels.filter(({ type }) => type !== 'row').every(({ targets }) => targets?.length),
    ).toBe(true);
  });
});

describe('the alerts', () => {
  test('name only what is told', async () => {
    const rules = await alerts();
    expect(rules.length).toBeGreaterThan(5);
    const named = rules.flatMap(({ expr }) => familiesIn(expr));
    expect(named.filter((name) => !told.families.has(name))).toEqual([]);
  });
});
