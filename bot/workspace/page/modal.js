// Modals: the view on top of what the acting person has open, as a dialog.

import { failure, get, post } from "./api.js";
import { drawBlocks } from "./blocks.js";
import { announce, h, icon } from "./dom.js";
import { plainText } from "./mrkdwn.js";
import { viewPlace } from "./places.js";
import { store } from "./store.js";

let dialog = null;
let view = null;
let place = null;
let before = null;

/** Show what is on top now: open, redraw or close the dialog accordingly. */
export async function syncModal() {
  const { view: top } = await get("view", { user: store.me });
  if (!top) return hide();
  if (view?.id === top.id && view.hash === top.hash) return;
  const same = view?.id === top.id;
  const kept = same ? place?.values.all : null;
  view = top;
  place = viewPlace(top, kept);
  draw({ focusFirst: !same });
}

function hide() {
  if (!dialog) return;
  dialog.close();
  dialog.remove();
  dialog = view = place = null;
  if (before?.isConnected) before.focus();
  else document.getElementById("composer-text")?.focus();
}

function draw({ focusFirst = false, trouble = "" } = {}) {
  const at = dialog?.contains(document.activeElement) ? document.activeElement.dataset : null;
  if (!dialog) {
    before = document.activeElement;
    dialog = h("dialog", { "aria-labelledby": "modal-title" });
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
    document.body.append(dialog);
  }
  const scroll = dialog.querySelector(".content")?.scrollTop ?? 0;
  const form = h("form", { novalidate: true },
    h("header", {}, h("span", { "aria-hidden": "true", class: "avatar small" }, h("img", { src: "/static/icon.svg", alt: "" })), h("h2", { id: "modal-title" }, plainText(view.title)),
      h("button", { type: "button", class: "square", "aria-label": "Close", on: { click: close } }, icon("close"))),
    h("div", { class: "content" }, drawBlocks(view.blocks, place)),
    h("footer", {}, h("span", { class: "trouble", role: "alert" }, trouble),
      h("button", { type: "button", class: "button", on: { click: close } }, view.close ? plainText(view.close) : view.submit ? "Cancel" : "Close"),
      view.submit && h("button", { type: "submit", class: "button primary" }, plainText(view.submit))));
  form.addEventListener("submit", (event) => { event.preventDefault(); submit(form); });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) form.requestSubmit();
  });
  dialog.replaceChildren(form);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector(".content").scrollTop = scroll;
  focus(form, at, focusFirst);
}

function focus(form, at, focusFirst) {
  const invalid = form.querySelector('[aria-invalid="true"]');
  const again = at?.action && form.querySelector(`[data-action="${CSS.escape(at.action)}"]`);
  const first = form.querySelector(".content [autofocus], .content input, .content textarea, .content select, .content button") ?? form.querySelector("footer button:last-child");
  const target = invalid ?? (focusFirst ? null : again) ?? first;
  target?.focus();
  if (invalid) announce(form.querySelector(".input-error").textContent);
}

async function submit(form) {
  const button = form.querySelector('button[type="submit"]');
  if (!button || button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  const mine = view.id;
  const answer = await post("submit", { user: store.me, view_id: view.id, values: place.values.all });
  button.removeAttribute("aria-busy");
  if (view?.id !== mine) return;
  place.errors = answer.errors ?? null;
  if (answer.errors) draw();
  else if (!answer.ok) draw({ trouble: failure(place.name, answer) });
  else await syncModal();
}

let closing = "";
async function close() {
  if (!view || closing === view.id) return; // Escape pressed twice closes one view
  closing = view.id;
  await post("close", { user: store.me, view_id: view.id });
  await syncModal();
  closing = "";
}

/** Forget the dialog without telling anyone: another person acts now. */
export function dropModal() {
  before = null;
  hide();
}
