// A list of lines, the newest on top. What comes from a server is only ever set as text.
const linesMax = 200;

export function addLine(list, id, { name, text }) {
  const line = document.createElement('li');
  line.dataset.id = id;
  line.append(part('strong', name), ' ', part('span', text));
  list.prepend(line);
  while (list.children.length > linesMax) list.lastChild.remove();
}

/** The line of this id, unless it has gone. */
export function lineIn(list, id) {
  return [...list.children].find((line) => line.dataset.id === id);
}

function part(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
