import { addLine, lineIn } from './lines.js';
import { address, ask, protocols } from './session.js';

/** Shows a room; answers what stays in it until the connection ends. */
export function chatIn(room, section, signal) {
  const [list, form, present, problem] = ['ul', 'form', '.present', '[role=alert]'].map((part) =>
    section.querySelector(part),
  );
  let position = 0;
  let socket;
  list.replaceChildren();

  const handlers = {
    message: ({ id, name, data }) => addLine(list, id, { name, text: data.text }),
    withdrawn: ({ id }) => lineIn(list, id)?.remove(),
    presence: ({ users }) => (present.textContent = users.map(({ name }) => name).join(', ')),
    error: ({ message }) => (problem.textContent = message),
    ack: () => (problem.textContent = ''),
  };

  const post = (event) => {
    event.preventDefault();
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.send(JSON.stringify({ text: form.elements.text.value }));
    form.reset();
  };
  form.addEventListener('submit', post, { signal });

  return async (onOpen) => {
    // A refusal of a WebSocket does not say why: this asks whether the token is still good.
    await ask('GET', '/profile');
    if (signal.aborted) return;
    const url = address(`/ws/chat/${room}`);
    url.protocol = url.protocol.replace('http', 'ws');
    url.searchParams.set('after', position);
    socket = new WebSocket(url, protocols());
    socket.addEventListener('open', onOpen);
    socket.addEventListener('message', ({ data }) => {
      const frame = JSON.parse(data);
      handlers[frame.type]?.(frame);
      if (frame.type === 'message' || frame.type === 'withdrawn') position = frame.position;
    });
    await new Promise((over) => {
      socket.addEventListener('close', over);
      signal.addEventListener('abort', over);
    });
    socket.close();
  };
}
