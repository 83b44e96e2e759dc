// Who is where on all nodes, over a broadcast that may lose anything. Each node numbers its changes
// and tells the newest number every second. One that finds a number missing asks for everything; one that
// is not heard of for a while is gone, and all who were there with it. Only ids are told, so
// that no name of a person lies anywhere.
import type { Broadcast } from '../kernel/broadcast.ts';
import type { Presence } from '../kernel/presence.ts';

const topic = 'presence.1';
const beatMs = 1_000;
export const lostAfterMs = 3_500;
/** Of several that ask for everything at once, all are answered at once. */
const answerAfterMs = 50;

type Places = Readonly<Record<string, readonly string[]>>;
type News =
  | {
      readonly node: string;
      readonly change: number;
      readonly places?: Places;
      readonly isAll?: true;
    }
  | { readonly node: string; readonly ask: string }
  | { readonly node: string; readonly isGone: true };
type Changed = Extract<News, { readonly change: number }>;

type Other = {
  change: number;
  places: Map<string, readonly string[]>;
  heardAt: number;
};

/** @param nodeId Unique to this run of this process. */
export function createPresence(
  broadcast: Broadcast,
  nodeId: string,
): Presence & { readonly close: () => void } {
  const here = new Map<string, readonly string[]>();
  const others = new Map<string, Other>();
  const asked = new Set<string>();
  let change = 0;
  let answering: Timer | undefined;
  let changed: (place: string) => void = () => {};

  const publish = (news: News) => broadcast.publish(topic, JSON.stringify(news));

  function hear(news: News) {
    if (news.node === nodeId) return;
    if ('isGone' in news) forget(news.node);
    else if (!('ask' in news)) hearChange(news);
    else if (news.ask === nodeId) answering ??= setTimeout(tellAll, answerAfterMs);
  }

  function tellAll() {
    answering = undefined;
    publish({ node: nodeId, change, places: Object.fromEntries(here), isAll: true });
  }

  function hearChange({ node, change, places, isAll }: Changed) {
    const other = others.get(node);
    if (other) other.heardAt = performance.now();
    if (places && isAll) return replace(node, change, places);
    if (change <= (other?.change ?? -1)) return;
    if (other && places && change === other.change + 1) return apply(other, change, places);
    if (asked.has(node)) return;
    asked.add(node);
    publish({ node: nodeId, ask: node });
  }

  function apply(other: Other, change: number, places: Places) {
    other.change = change;
    for (const [place, people] of Object.entries(places)) {
      if (people.length > 0) other.places.set(place, people);
      else other.places.delete(place);
      changed(place);
    }
  }

  function replace(node: string, change: number, places: Places) {
    const known = others.get(node);
    if (known && change < known.change) return;
    const all = new Map(Object.entries(places));
    others.set(node, { change, places: all, heardAt: performance.now() });
    asked.delete(node);
    for (const place of new Set([...(known?.places.keys() ?? []), ...all.keys()])) changed(place);
  }

  function forget(node: string) {
    const places = others.get(node)?.places.keys() ?? [];
    others.delete(node);
    asked.delete(node);
    for (const place of places) changed(place);
  }

  function beat() {
    const now = performance.now();
    for (const [node, { heardAt }] of others) if (now - heardAt > lostAfterMs) forget(node);
    asked.clear();
    publish({ node: nodeId, change });
  }

  broadcast.subscribe(topic, (text) => {
    const news = parse(text);
    if (news) hear(news);
  });
  beat();
  const beating = setInterval(beat, beatMs);
  beating.unref();

  return {
    tell(place, people) {
      if (people.length > 0) here.set(place, people);
      else here.delete(place);
      change += 1;
      publish({ node: nodeId, change, places: { [place]: people } });
    },
    elsewhere: (place) => [...others.values()].flatMap(({ places }) => places.get(place) ?? []),
    onChange(callback) {
      changed = callback;
    },
    close() {
      clearInterval(beating);
      clearTimeout(answering);
      publish({ node: nodeId, isGone: true });
    },
  };
}

/** Undefined for what no node has said. */
function parse(text: string): News | undefined {
  try {
    const news = JSON.parse(text) as News | null;
    return typeof news?.node === 'string' ? news : undefined;
  } catch {
    return undefined;
  }
}
