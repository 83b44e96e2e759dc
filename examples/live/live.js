// Signs in and keeps two connections open: products over server-sent events, a chat room over WebSocket.
// Both lists are folded from the log: from its beginning at first, later from where it broke off.
import { chatIn } from './chat.js';
import { productsIn } from './products.js';
import { SignedOut, signIn } from './session.js';

const pauseMsMin = 250;
const pauseMsMax = 8_000;
const byId = (id) => document.getElementById(id);

const given = new URLSearchParams(location.search).get('server');
byId('server').value = given ?? 'http://localhost:3000';

byId('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault();
  const leaving = new AbortController();
  const { signal } = leaving;
  byId('refusal').textContent = '';
  try {
    await signIn(byId('server').value, byId('email').value, byId('password').value);
    show({ isSignedIn: true });
    await Promise.all([
      keepOpen(productsIn(byId('products'), signal), byId('products-state'), signal),
      keepOpen(chatIn('lobby', byId('chat'), signal), byId('chat-state'), signal),
    ]);
  } catch (error) {
    leaving.abort();
    show({ isSignedIn: false });
    byId('refusal').textContent = error.message;
  }
});

function show({ isSignedIn }) {
  byId('sign-in').hidden = isSignedIn;
  byId('live').hidden = !isSignedIn;
}

/** Opens again whatever ends, and waits longer each time that nothing comes of it. */
async function keepOpen(follow, state, signal) {
  for (let failures = 0; !signal.aborted; failures += 1) {
    state.textContent = 'connecting …';
    try {
      await follow(() => {
        failures = 0;
        state.textContent = 'live';
      });
    } catch (error) {
      if (error instanceof SignedOut) throw error;
    }
    // Not all pages at the same moment, when a server comes back.
    const pause = Math.min(pauseMsMax, pauseMsMin * 2 ** failures) * (0.5 + Math.random() / 2);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
