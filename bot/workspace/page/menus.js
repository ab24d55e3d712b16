// Menus and confirm dialogs: what opens above the page, is used by keyboard, and gives the focus back.

import { append, h, icon } from "./dom.js";
import { plainText } from "./mrkdwn.js";

let closeOpenMenu = () => {};

/** Open a menu under `anchor`. `sections`: `{title, items: [{label, note, checked, lead, run}]}`. */
export function openMenu(anchor, label, sections) {
  closeOpenMenu();
  const items = [];
  const menu = h("div", { class: "menu", role: "menu", "aria-label": label });
  for (const section of sections) {
    if (section.title) menu.append(h("h3", {}, section.title));
    if (!section.items.length) menu.append(h("p", { class: "none" }, section.none ?? "Nothing here."));
    for (const item of section.items) {
      const radio = item.checked !== undefined;
      const node = h("button", {
        type: "button", tabindex: "-1", role: radio ? "menuitemradio" : "menuitem", "aria-checked": radio ? String(item.checked) : null,
        on: { click: () => { close(); item.run(); } },
      }, item.lead, h("span", { class: "label" }, item.label, item.note && h("small", {}, item.note)), item.checked && icon("check"));
      items.push(node);
      menu.append(node);
    }
  }
  const outside = (event) => menu.contains(event.target) || anchor.contains(event.target) || close();
  const close = () => {
    menu.remove();
    anchor.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    closeOpenMenu = () => {};
    if (anchor.isConnected) anchor.focus();
  };
  const move = (step) => {
    const at = items.indexOf(document.activeElement);
    items[(at + step + items.length) % items.length]?.focus();
  };
  menu.addEventListener("keydown", (event) => {
    const moves = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Home: () => items[0]?.focus(), End: () => items.at(-1)?.focus(), Escape: close, Tab: close };
    if (moves[event.key]) {
      moves[event.key]();
      if (event.key !== "Tab") event.preventDefault();
      event.stopPropagation();
    } else if (event.key.length === 1) {
      const wanted = event.key.toLowerCase();
      items.find((item) => item.textContent.toLowerCase().startsWith(wanted))?.focus();
    }
  });
  (anchor.closest("dialog") ?? document.body).append(menu);
  const box = anchor.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
  const below = box.bottom + 4 + size.height <= innerHeight;
  menu.style.top = `${below ? box.bottom + 4 : Math.max(8, box.top - size.height - 4)}px`;
  anchor.setAttribute("aria-expanded", "true");
  document.addEventListener("pointerdown", outside, true);
  closeOpenMenu = close;
  (items.find((item) => item.getAttribute("aria-checked") === "true") ?? items[0])?.focus();
}

/** A button that opens a menu. `sections` is asked when it opens. */
export function menuButton(props, label, sections, ...children) {
  const button = h("button", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", ...props }, ...children);
  button.addEventListener("click", () => openMenu(button, label, sections()));
  button.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      openMenu(button, label, sections());
    }
  });
  return button;
}

/** Ask before acting, as a `confirm` object demands; resolves to whether the person agreed. */
export function confirmed(confirm) {
  if (!confirm) return Promise.resolve(true);
  return new Promise((resolve) => {
    const before = document.activeElement;
    const dialog = h("dialog", { class: "confirm", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" });
    const end = (answer) => {
      dialog.close();
      dialog.remove();
      before?.focus?.();
      resolve(answer);
    };
    const deny = h("button", { type: "button", class: "button", on: { click: () => end(false) } }, plainText(confirm.deny));
    append(dialog, [
      h("header", {}, h("h2", { id: "confirm-title" }, plainText(confirm.title))),
      h("div", { class: "content", id: "confirm-text" }, plainText(confirm.text)),
      h("footer", {}, deny, h("button", { type: "button", class: `button ${confirm.style ?? "primary"}`, on: { click: () => end(true) } }, plainText(confirm.confirm))),
    ]);
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); end(false); });
    document.body.append(dialog);
    dialog.showModal();
    deny.focus();
  });
}
