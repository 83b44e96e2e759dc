import { addLine, lineIn } from './lines.js';
import { address, ask } from './session.js';

/** Folds the events of products into a list; answers what follows them until the stream ends. */
export function productsIn(list, signal) {
  let position = 0;
  list.replaceChildren();

  const handlers = {
    ProductCreated: (id, { name, priceCents }) =>
      addLine(list, id, { name, text: price(priceCents) }),
    ProductRenamed: (id, { name }) => set(id, 'strong', name),
    ProductRepriced: (id, { priceCents }) => set(id, 'span', price(priceCents)),
    ProductDeleted: (id) => lineIn(list, id)?.remove(),
  };

  function set(id, part, text) {
    const line = lineIn(list, id);
    if (line) line.querySelector(part).textContent = text;
  }

  return async (onOpen) => {
    // A ticket opens one stream. So the browser's own reconnecting, with the old address, is no use.
    const { ticket } = await ask('POST', '/auth/ticket');
    if (signal.aborted) return;
    const url = address('/events/stream');
    const types = Object.keys(handlers).join();
    url.search = new URLSearchParams({ token: ticket, types, after: position });
    const source = new EventSource(url);
    source.addEventListener('open', onOpen);
    for (const [type, handle] of Object.entries(handlers)) {
      source.addEventListener(type, (frame) => {
        const event = JSON.parse(frame.data);
        handle(event.stream.replace('product-', ''), event.data);
        position = event.position;
      });
    }
    await new Promise((over) => {
      source.addEventListener('error', over);
      signal.addEventListener('abort', over);
      // Another log than the one that was read so far: from its beginning.
      source.addEventListener('reset', () => {
        position = 0;
        list.replaceChildren();
        over();
      });
    });
    source.close();
  };
}

const price = (cents) => (cents / 100).toFixed(2);
