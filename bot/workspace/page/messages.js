// Messages: one, and a list of them that one can walk through with the arrow keys.

import { post } from "./api.js";
import { areWords, drawBlocks, spoken } from "./blocks.js";
import { clock, dayLabel, exact } from "./dates.js";
import { h, icon } from "./dom.js";
import { emoji } from "./emoji.js";
import { openMenu } from "./menus.js";
import { mrkdwn } from "./mrkdwn.js";
import { avatar } from "./people.js";
import { messagePlace } from "./places.js";
import { person, replies, store } from "./store.js";

const TOGETHER = 180; // seconds within which messages of one person share a heading
const QUICK = ["pushpin", "eyes", "white_check_mark", "+1"];

function reactions(message, channel) {
  return h("div", { class: "reactions" }, (message.reactions ?? []).map((each) => {
    const mine = each.users.includes(store.me);
    const names = each.users.map((id) => person(id).real_name).join(", ");
    return h("button", {
      type: "button", class: "reaction", "aria-pressed": String(mine), title: names, "aria-label": `${each.name}, ${each.count}, by ${names}`,
      on: { click: () => post("react", { user: store.me, channel, ts: message.ts, name: each.name }) },
    }, emoji(each.name), ` ${each.count}`);
  }));
}

function threadLink(message, channel, openThread) {
  const answers = replies(channel, message.ts);
  if (!answers.length) return null;
  const last = answers.at(-1);
  return h("button", { type: "button", class: "thread-link", on: { click: () => openThread(message.ts) } },
    [...new Set(answers.map((each) => each.user))].slice(0, 3).map((id) => avatar(id, "small")),
    `${answers.length} ${answers.length === 1 ? "reply" : "replies"}`,
    h("span", { class: "last" }, `last at ${clock(new Date(Number(last.ts) * 1000))}`));
}

function toolbar(message, channel, { openThread, runShortcut }) {
  const shortcuts = store.apps.flatMap((app) => app.shortcuts.filter((each) => each.type === "message").map((each) => ({ ...each, app })));
  const react = h("button", { type: "button", class: "square", title: "React", "aria-label": "React", "aria-haspopup": "menu" }, icon("smile"));
  react.addEventListener("click", () => openMenu(react, "Reactions", [{
    items: QUICK.map((name) => ({ label: name.replaceAll("_", " "), lead: emoji(name), run: () => post("react", { user: store.me, channel, ts: message.ts, name }) })),
  }]));
  const more = h("button", { type: "button", class: "square", title: "Message shortcuts", "aria-label": "Message shortcuts", "aria-haspopup": "menu" }, icon("more"));
  more.addEventListener("click", () => openMenu(more, "Message shortcuts", [{
    title: "Shortcuts of apps",
    none: "No app has a message shortcut.",
    items: shortcuts.map((each) => ({ label: each.name, note: each.app.name, run: () => runShortcut(each, message, channel) })),
  }]));
  return h("div", { class: "toolbar", role: "group", "aria-label": "Message actions" }, react,
    openThread && h("button", { type: "button", class: "square", title: "Reply in thread", "aria-label": "Reply in thread", on: { click: () => openThread(message.thread_ts || message.ts) } }, icon("reply")),
    more);
}

function attachment(each, place) {
  const node = h("div", { class: "attachment" },
    each.pretext && mrkdwn(each.pretext), each.title && h("strong", {}, each.title), each.text && mrkdwn(each.text), each.blocks && drawBlocks(each.blocks, place, "bare"));
  if (/^#?[0-9a-f]{6}$/i.test(each.color ?? "")) node.style.borderLeftColor = `#${each.color.replace("#", "")}`;
  return node;
}

function content(message, place) {
  const blocks = message.blocks ?? [];
  return [
    blocks.length ? drawBlocks(blocks, place, areWords(blocks) ? "bare" : "") : message.text && mrkdwn(message.text),
    (message.attachments ?? []).map((each) => attachment(each, place)),
    Object.values(message.unfurls ?? {}).map((each) => attachment(each, place)),
    (message.files ?? []).map((file) => h("a", { class: "file", href: new URL(file.url_private).pathname, download: file.name }, icon("file"), file.title)),
  ];
}

/** One message. `follows`: it continues the one before it. */
export function drawMessage(message, channel, tools, follows = false) {
  const who = message.username || person(message.user).real_name;
  const time = clock(new Date(Number(message.ts) * 1000));
  const place = messagePlace(message, channel);
  const only = message.is_ephemeral && h("div", { class: "private-note" }, icon("eye"), "Only visible to you",
    h("button", { type: "button", class: "link-button", on: { click: () => tools.dismiss(message, channel) } }, "Dismiss"));
  return h("li", {
    class: `message ${message.is_ephemeral ? "private" : ""} ${follows ? "follows" : ""}`, tabindex: "-1", data: { ts: message.ts },
    "aria-label": `${who}, ${time}${message.is_ephemeral ? ", only visible to you" : ""}: ${spoken(message)}`,
  },
    avatar(message.user),
    h("div", { class: "body" },
      only,
      h("div", { class: "byline" }, h("b", {}, who), person(message.user).is_bot && h("span", { class: "badge" }, "APP"),
        h("time", { title: exact(message.ts), datetime: new Date(Number(message.ts) * 1000).toISOString() }, time),
        message.pinned && h("span", { class: "pinned" }, icon("pin"), "Pinned")),
      content(message, place),
      message.edited && !message.blocks?.length && h("span", { class: "edited" }, "(edited)"),
      message.reactions?.length ? reactions(message, channel) : null,
      tools.openThread ? threadLink(message, channel, tools.openThread) : null),
    message.is_ephemeral ? null : toolbar(message, channel, tools));
}

function continues(message, before, channel) {
  return Boolean(before) && before.user === message.user && !message.is_ephemeral && !before.is_ephemeral && !message.username && !message.blocks?.length
    && !before.blocks?.length && Number(message.ts) - Number(before.ts) < TOGETHER && !replies(channel, before.ts).length;
}

function day(ts) {
  return new Date(Number(ts) * 1000).toDateString();
}

/** A list that keeps its scroll position and its focus while messages come, change and go. */
export class MessageList {
  constructor({ label, tools, days = true }) {
    this.tools = tools;
    this.days = days;
    this.items = h("ul", { class: "list", "aria-label": label });
    this.node = h("div", { class: "scroll" }, this.items);
    this.items.addEventListener("keydown", (event) => this.#walk(event));
    this.items.addEventListener("focusin", (event) => this.#rove(event.target.closest(".message")));
  }

  /** Draw `messages`; stays where it was unless it was at the end. `fresh` is the ts of one to highlight. */
  draw(messages, channel, { fresh = "", toEnd = false } = {}) {
    const end = toEnd || this.atEnd();
    const focus = this.#focused();
    const nodes = [];
    let before = null;
    for (const message of messages) {
      if (this.days && (!before || day(before.ts) !== day(message.ts))) nodes.push(h("li", { class: "day" }, dayLabel(message.ts)));
      const node = drawMessage(message, channel, this.tools, continues(message, before, channel));
      if (message.ts === fresh) node.classList.add("fresh");
      nodes.push(node);
      before = message;
    }
    this.items.replaceChildren(...nodes);
    this.#rove(this.items.querySelector(".message:last-child"));
    this.#refocus(focus);
    if (end) this.node.scrollTop = this.node.scrollHeight;
    return end;
  }

  atEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 60;
  }

  show(ts) {
    const node = this.items.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    node?.scrollIntoView({ block: "center" });
    node?.focus();
  }

  /** What had the focus: a message, and in it perhaps an element. */
  #focused() {
    const at = document.activeElement;
    const message = this.items.contains(at) ? at.closest(".message") : null;
    return message && { ts: message.dataset.ts, action: at.dataset.action, block: at.dataset.block, self: at === message };
  }

  /** Give the focus back to the same element, or to its message if the element has gone. */
  #refocus(focus) {
    if (!focus) return;
    const message = this.items.querySelector(`[data-ts="${CSS.escape(focus.ts)}"]`);
    const same = focus.action && message?.querySelector(`[data-action="${CSS.escape(focus.action)}"]`);
    (same || message)?.focus({ preventScroll: true });
  }

  #rove(message) {
    if (!message) return;
    for (const each of this.items.querySelectorAll('.message[tabindex="0"]')) each.tabIndex = -1;
    message.tabIndex = 0;
  }

  #walk(event) {
    if (!event.target.classList.contains("message")) return;
    const all = [...this.items.querySelectorAll(".message")];
    const at = all.indexOf(event.target);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || !all[to]) return;
    event.preventDefault();
    all[to].focus();
  }
}
