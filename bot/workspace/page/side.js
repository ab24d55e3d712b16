// The right edge: a thread, or the inspector.

import { get } from "./api.js";
import { composer } from "./composer.js";
import { h, icon } from "./dom.js";
import { MessageList } from "./messages.js";
import { channelName, replies, store } from "./store.js";

const KINDS = { "": "All", call: "Calls", delivery: "Deliveries", response_url: "Response URLs" };
const LONGEST = 300;

function head(title, note, close) {
  return h("header", { class: "head" }, h("h2", {}, title), h("span", { class: "topic" }, note), h("button", { type: "button", class: "square", "aria-label": "Close pane", on: { click: close } }, icon("close")));
}

/** One thread with its own composer. */
export class ThreadPane {
  constructor({ tools, send, close }) {
    this.list = new MessageList({ label: "Thread", tools: { ...tools, openThread: null }, days: false });
    this.send = send;
    this.close = close;
    this.shown = "";
  }

  draw(node, { fresh = "" } = {}) {
    const { channel, ts } = store.thread;
    const parent = (store.messages.get(channel) ?? []).find((message) => message.ts === ts);
    if (!parent) return this.close();
    const first = this.shown !== ts;
    if (first) {
      this.shown = ts;
      node.replaceChildren(head("Thread", channelName(store.channels.get(channel)), this.close), this.list.node,
        composer({ id: "thread-text", label: "Reply", placeholder: "Reply…", commandsToo: false, send: (text) => this.send(text, ts) }));
    }
    this.list.draw([parent, ...replies(channel, ts)], channel, { fresh, toEnd: first });
    if (first) node.querySelector("textarea").focus();
  }
}

function when(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

function failed(entry) {
  return entry.outcome && entry.outcome !== "ok";
}

/** Every call, delivery and response in order, each with its payload. */
export class InspectorPane {
  constructor({ close }) {
    this.close = close;
    this.kind = "";
    this.entries = [];
    this.body = h("div", { class: "inspector", role: "group", "aria-label": "Calls and deliveries, newest first" });
  }

  async open(node) {
    const { entries } = await get("record", { kind: "" });
    this.entries = entries;
    const filters = h("div", { class: "filters", role: "group", "aria-label": "Show" }, Object.entries(KINDS).map(([kind, label]) => {
      const button = h("button", { type: "button", class: "ghost", "aria-pressed": String(kind === this.kind) }, label);
      button.addEventListener("click", () => {
        this.kind = kind;
        for (const each of filters.children) each.setAttribute("aria-pressed", String(each === button));
        this.drawAll();
      });
      return button;
    }));
    node.replaceChildren(head("Inspector", "What goes over the wire", this.close), filters, this.body);
    this.drawAll();
    filters.firstChild.focus();
  }

  drawAll() {
    const shown = this.entries.filter((entry) => !this.kind || entry.kind === this.kind).slice(-LONGEST).reverse();
    this.body.replaceChildren(...shown.map((entry) => this.entry(entry)));
    if (!shown.length) this.body.replaceChildren(h("p", { class: "empty" }, "Nothing yet."));
  }

  add(entry) {
    this.entries.push(entry);
    if (this.kind && entry.kind !== this.kind) return;
    this.body.querySelector(".empty")?.remove();
    this.body.prepend(this.entry(entry));
    if (this.body.childElementCount > LONGEST) this.body.lastElementChild.remove();
  }

  entry(entry) {
    const toApp = entry.kind === "delivery";
    const retry = (entry.detail ? ` ${entry.detail}` : "") + (entry.attempt ? ` (retry ${entry.attempt})` : "");
    const state = failed(entry) ? h("span", { class: "bad" }, entry.outcome === "refused" ? `refused` : entry.outcome) : null;
    const details = h("details", {}, h("summary", {}, h("span", { class: "at" }, when(entry.at)), h("span", { class: toApp ? "out" : "in", title: toApp ? "to the app" : "from the app" }, icon(toApp ? "up" : "down")),
      h("span", { class: "what" }, entry.name, h("span", { class: "detail" }, retry), h("span", { class: "visually-hidden" }, toApp ? ", to the app" : ", from the app")),
      state ?? h("span", { class: "took" }, `${Math.round(entry.seconds * 1000)} ms`)),
      entry.fault && h("span", { class: "fault" }, `fault on order: ${entry.fault}`));
    details.addEventListener("toggle", () => details.open && details.childElementCount < 3 && this.fill(details, entry.number), { once: true });
    return details;
  }

  async fill(details, number) {
    const { entries } = await get("record", { after: String(number - 1) });
    const full = entries.find((entry) => entry.number === number);
    if (!full) return details.append(h("p", { class: "fault" }, "No longer kept."));
    const toApp = full.kind === "delivery";
    const json = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
    details.append(h("h3", {}, toApp ? "Payload" : "Arguments"), h("pre", { tabindex: "0" }, json(full.request)),
      h("h3", {}, toApp ? "Acknowledged with" : "Answer"), h("pre", { tabindex: "0" }, json(full.answer ?? {})));
  }
}
