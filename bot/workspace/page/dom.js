// Building the page's nodes. Text always becomes text nodes: nothing is ever parsed as HTML.

/** An element. `props`: `class`, `on: {event: listener}`, `data: {}`, boolean and string attributes; null is left out. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key === "value") node.value = value;
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  append(node, children);
  return node;
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    node.append(child);
  }
  return node;
}

/** Where the keyboard is inside `node`, to be found again after it was drawn anew; null when it is elsewhere. */
export function keptFocus(node) {
  const at = document.activeElement;
  if (!node.contains(at) || !at.dataset.action) return null;
  return { action: at.dataset.action, from: at.selectionStart, to: at.selectionEnd, scroll: at.scrollTop };
}

/** Put the keyboard back, and with it what was marked: somebody who is typing must not notice. */
export function giveFocus(node, kept) {
  const at = kept && node.querySelector(`[data-action="${CSS.escape(kept.action)}"]`);
  if (!at) return;
  at.focus({ preventScroll: true });
  if (kept.from !== null && kept.from !== undefined) at.setSelectionRange(kept.from, kept.to);
  at.scrollTop = kept.scroll;
}

const PATHS = {
  hash: "M7 3 5.5 17M14.5 3 13 17M3.5 7.5h14M2.5 12.5h14",
  lock: "M5 9h10v8H5zM7 9V6.5a3 3 0 0 1 6 0V9",
  home: "M3 9.5 10 3l7 6.5V17h-5v-4.5H8V17H3z",
  bolt: "M11 2 4 11.5h5L8 18l8-10h-5.5z",
  send: "M3 10 17 3.5 12.5 17 9.5 11.5z",
  close: "M5 5l10 10M15 5 5 15",
  reply: "M3 4h14v9H9l-4 4v-4H3z",
  pin: "M12.5 3 17 7.5l-3 1-3 3-.5 3.5L6 10.5l3.5-.5 3-3zM7.5 12.5 3.5 16.5",
  more: "M4 10h.01M10 10h.01M16 10h.01",
  eye: "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5zM10 7.7a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.6z",
  check: "M4 10.5 8 14.5 16 5.5",
  down: "M5 7.5 10 12.5 15 7.5",
  up: "M10 16V4M5 9l5-5 5 5",
  inspect: "M7 5 2.5 10 7 15M13 5l4.5 5L13 15",
  alert: "M10 3 18 17H2zM10 8v4M10 14.5h.01",
  image: "M3 4h14v12H3zM3 13l4-4 4 4 2.5-2.5L17 14M13 8h.01",
  file: "M5 2.5h7l3 3v12H5zM12 2.5v3h3",
  smile: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15zM7 8h.01M13 8h.01M6.5 11.5c1.5 3 5.5 3 7 0",
  left: "M16 10H4M9 5l-5 5 5 5",
};

/** A line icon; decorative, so hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  for (const [key, value] of Object.entries({ fill: "none", stroke: "currentColor", "stroke-width": name === "more" ? "2.8" : "1.7", "stroke-linecap": "round", "stroke-linejoin": "round" })) {
    path.setAttribute(key, value);
  }
  svg.append(path);
  return svg;
}

let count = 0;
/** An id that no element has yet. */
export function freshId(prefix) {
  count += 1;
  return `${prefix}-${count}`;
}

/** Say something to screen readers. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Show what went wrong for a few seconds; screen readers are told at once. */
export function toast(text) {
  const node = h("div", { class: "toast", role: "alert" }, text);
  const home = document.querySelector("dialog[open]") ?? document.body; // a modal makes all else inert
  let stack = home.querySelector(":scope > .toasts");
  if (!stack) home.append((stack = h("div", { class: "toasts" })));
  stack.append(node);
  setTimeout(() => node.remove(), 8000);
}
