// The page: what is shown where, and what happens when something happens.

import { failure, follow, get, post } from "./api.js";
import { drawBlocks, spoken } from "./blocks.js";
import { composer } from "./composer.js";
import { announce, giveFocus, h, icon, keptFocus, toast } from "./dom.js";
import { MessageList } from "./messages.js";
import { dropModal, syncModal } from "./modal.js";
import { avatar } from "./people.js";
import { viewPlace } from "./places.js";
import { drawSettings, unsaved } from "./settings.js";
import { drawSidebar } from "./sidebar.js";
import { InspectorPane, ThreadPane } from "./side.js";
import { channelName, dropMessage, isReply, loadMessages, loadState, person, personas, putMessage, store, topLevel } from "./store.js";

const sidebar = document.querySelector(".sidebar");
const main = document.querySelector(".main");
const side = document.querySelector(".side");
const banner = document.querySelector(".banner");
const calm = [...banner.childNodes];

const tools = {
  openThread: (ts) => openThread(store.place.id, ts),
  dismiss: async (message, channel) => {
    await post("dismiss", { user: store.me, channel, ts: message.ts });
    dropMessage(message.ts, channel);
    redraw();
    document.getElementById("composer-text")?.focus();
  },
  runShortcut: async (shortcut, message, channel) => {
    const answer = await post("shortcut", { user: store.me, callback_id: shortcut.callback_id, channel: channel ?? "", ts: message?.ts ?? "" });
    if (!answer.ok) toast(failure(shortcut.name, answer));
  },
};

const list = new MessageList({ label: "Messages", tools });
const thread = new ThreadPane({ tools, send: (text, ts) => say(store.thread.channel, text, ts), close: closeSide });
const inspector = new InspectorPane({ close: closeSide });
const jump = h("button", { type: "button", class: "jump", hidden: true, on: { click: () => { list.node.scrollTop = list.node.scrollHeight; jump.hidden = true; } } }, "New messages ↓");
list.node.addEventListener("scroll", () => { if (list.atEnd()) jump.hidden = true; });

async function say(channel, text, threadTs = "") {
  const answer = await post("say", { user: store.me, channel, text, thread_ts: threadTs });
  if (!answer.ok && !["operation_timeout", "dispatch_failed", "dispatch_unknown_error", "unknown_command", "command_of_another_app", "not_supported_in_threads"].includes(answer.error)) {
    toast(failure("The workspace", answer));
    return false;
  }
  return true; // a command that failed says so in the channel
}

// the main pane

function inspectorButton() {
  return h("button", { type: "button", class: "ghost", "aria-pressed": String(store.inspector), on: { click: toggleInspector } }, icon("inspect"), "Inspector");
}

function drawChannel() {
  const channel = store.channels.get(store.place.id);
  if (!channel) return go({ kind: "channel", id: store.channels.keys().next().value });
  const name = channelName(channel);
  const note = channel.is_im ? "" : [channel.topic?.value || channel.purpose?.value, `${channel.num_members} members`].filter(Boolean).join(" · ");
  const marks = (channel.bookmarks ?? []).filter((mark) => /^https?:/i.test(mark.link));
  main.replaceChildren(
    h("header", { class: "head" }, h("h2", {}, channel.is_im ? avatar(channel.user, "small") : icon(channel.is_private ? "lock" : "hash"), name), h("span", { class: "topic", title: note }, note), inspectorButton()),
    marks.length ? h("nav", { class: "marks", "aria-label": "Bookmarks" }, marks.map((mark) => h("a", { href: mark.link, target: "_blank", rel: "noreferrer noopener" }, mark.title))) : "",
    list.node, jump,
    channel.is_archived ? h("p", { class: "empty" }, "This channel is archived.")
      : composer({ id: "composer-text", label: `Message ${channel.is_im ? name : `#${name}`}`, placeholder: `Message ${channel.is_im ? name : `#${name}`}`, send: (text) => say(channel.id, text), runShortcut: tools.runShortcut }),
  );
  document.title = `${channel.is_im ? name : `#${name}`} · ${store.team.name}`;
  drawMessages({ toEnd: true });
}

function drawMessages(options = {}) {
  const shown = topLevel(store.place.id);
  if (!shown.length) {
    const first = store.apps.flatMap((app) => app.commands)[0]?.name ?? "/";
    list.items.replaceChildren(h("li", { class: "empty" }, h("span", { class: "avatar", "aria-hidden": "true" }, h("img", { src: "/static/icon.svg", alt: "" })),
      h("h3", {}, "All quiet"), h("p", {}, "Nothing has been said here yet. Type ", h("kbd", {}, first), " below to see what the app can do, or change who you act as on the left.")));
    return;
  }
  const stayed = list.draw(shown, store.place.id, options);
  if (options.fresh && !stayed) jump.hidden = false;
}

/** The two faces of an app: what it shows, and how it is set up. */
function appTabs(app) {
  const tab = (name, label) => h("button", { type: "button", "data-action": `tab ${name}`, "aria-current": (store.place.tab ?? "home") === name ? "page" : null, on: { click: () => go({ kind: "home", id: app.id, tab: name }) } }, label);
  return h("nav", { class: "tabs", "aria-label": app.name }, tab("home", "Home"), tab("settings", "App settings"));
}

let drawn = { node: null, as: "" };
let newestTurn = 0;

/** Draw the settings of an app, unless they stand there as they are: what is being clicked must not be replaced. */
async function drawAppSettings() {
  const app = store.apps.find((each) => each.id === store.place.id);
  if (!app) return;
  const turn = ++newestTurn; // answers may overtake each other: only the one to the last question is the present
  const settings = await get("app", { app: app.id });
  if (turn !== newestTurn || store.place.tab !== "settings" || store.place.id !== app.id) return;
  const as = JSON.stringify(settings);
  if (drawn.node?.isConnected && drawn.as === as) return;
  if (main.querySelector("button:active")) { // a button that is replaced while it is pressed is not clicked
    addEventListener("pointerup", () => drawAppSettings(), { once: true });
    return;
  }
  drawn = { node: drawSettings(settings, drawAppSettings), as };
  const focus = keptFocus(main);
  const scroll = main.querySelector(".home")?.scrollTop ?? 0;
  const typed = unsaved(main);
  main.replaceChildren(h("header", { class: "head" }, h("h2", {}, avatar(app.bot_user, "small"), app.name), h("span", { class: "topic" }, "How the app is set up"), inspectorButton()),
    appTabs(app), h("div", { class: "home", tabindex: "0", role: "region", "aria-label": `Settings of ${app.name}` }, drawn.node));
  if (typed !== null) main.querySelector(".manifest").value = typed;
  main.querySelector(".home").scrollTop = scroll;
  document.title = `${app.name} settings · ${store.team.name}`;
  giveFocus(main, focus);
}

async function drawHome() {
  if (store.place.tab === "settings") return drawAppSettings();
  const app = store.apps.find((each) => each.id === store.place.id);
  if (!app) return;
  const { view } = await get("home", { app: app.id, user: store.me });
  if (store.place.kind !== "home" || store.place.id !== app.id || store.place.tab === "settings") return;
  const focus = keptFocus(main);
  const content = view ? drawBlocks(view.blocks, viewPlace(view)) : h("div", { class: "empty" }, avatar(app.bot_user), h("h3", {}, `${app.name} has no Home yet`), h("p", {}, "It appears here as soon as the app publishes one for this person."));
  main.replaceChildren(h("header", { class: "head" }, h("h2", {}, avatar(app.bot_user, "small"), app.name), h("span", { class: "topic" }, `Home of ${person(store.me).real_name}`), inspectorButton()),
    appTabs(app), h("div", { class: "home", tabindex: "0", role: "region", "aria-label": `Home of ${app.name}` }, content));
  document.title = `${app.name} · ${store.team.name}`;
  giveFocus(main, focus);
}

function redraw(options) {
  if (store.place.kind === "channel") drawMessages(options);
  if (store.thread) thread.draw(side, options);
}

function drawAside() {
  drawSidebar(sidebar, { go, actAs });
}

/** Show a channel or the Home of an app. */
async function go(place, ts = "") {
  store.place = place;
  store.unread.delete(place.id);
  if (store.thread && store.thread.channel !== place.id) closeSide();
  history.replaceState(null, "", place.tab === "settings" ? `#${place.id}/settings` : `#${place.id}`);
  drawAside();
  if (place.tab === "settings") return drawAppSettings();
  if (place.kind === "home") {
    await post("open-home", { user: store.me, app: place.id });
    return drawHome();
  }
  await loadMessages(place.id);
  drawChannel();
  if (ts) return list.show(ts);
  document.getElementById("composer-text")?.focus();
}

/** Look through another person's eyes. */
async function actAs(id) {
  store.me = id;
  sessionStorage.setItem("acting-as", id);
  store.messages.clear();
  store.unread.clear();
  dropModal();
  if (store.thread) closeSide();
  await start();
  announce(`You are now acting as ${person(id).real_name}`);
}

// the side pane

function openThread(channel, ts) {
  store.thread = { channel, ts };
  store.inspector = false;
  thread.shown = "";
  side.hidden = false;
  side.setAttribute("aria-label", "Thread");
  thread.draw(side);
}

function closeSide() {
  const ts = store.thread?.ts;
  store.thread = null;
  store.inspector = false;
  side.hidden = true;
  side.replaceChildren();
  for (const button of document.querySelectorAll(".head .ghost")) button.setAttribute("aria-pressed", "false");
  if (ts && store.place.kind === "channel") list.show(ts);
}

async function toggleInspector(event) {
  const button = event.currentTarget;
  if (store.inspector) {
    closeSide();
    return button.focus();
  }
  store.thread = null;
  store.inspector = true;
  side.hidden = false;
  side.setAttribute("aria-label", "Inspector");
  button.setAttribute("aria-pressed", "true");
  await inspector.open(side);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && !side.hidden && !document.querySelector("dialog[open]") && side.contains(document.activeElement)) closeSide();
});

// what happens

async function onMessage(change) {
  const { message, channel, kind } = change;
  if (!store.channels.has(channel)) await refreshPlaces(); // the first message of a direct conversation
  const known = store.messages.has(channel);
  if (kind === "message_deleted") dropMessage(message.ts, channel);
  else if (known) putMessage(message, channel);
  const isNew = kind === "message";
  if (isNew && !isReply(message) && !(store.place.kind === "channel" && store.place.id === channel) && message.user !== store.me) {
    store.unread.set(channel, (store.unread.get(channel) ?? 0) + 1);
    drawAside();
  }
  if (store.place.id !== channel) return;
  redraw({ fresh: isNew ? message.ts : "" });
  if (message.user === store.me || kind.startsWith("reaction")) return;
  const verb = { message: "", message_changed: "changed: ", message_deleted: "deleted: " }[kind];
  announce(`${message.username || person(message.user).real_name} ${verb}${message.is_ephemeral ? "(only visible to you) " : ""}${spoken(message)}`);
}

async function refreshPlaces() {
  await loadState();
  drawAside();
}

const REACT = {
  message: onMessage, message_changed: onMessage, message_deleted: onMessage,
  reaction_added: onMessage, reaction_removed: onMessage,
  view: () => syncModal(),
  home: () => { if (store.place.kind === "home" && store.place.tab !== "settings") drawHome(); },
  record: (change) => { if (store.inspector) inspector.add(change.entry); },
  async app() {
    await refreshPlaces();
    if (store.place.tab === "settings") await drawAppSettings();
  },
  async channel(change) {
    await refreshPlaces();
    if (store.place.tab === "settings") await drawAppSettings();
    if (store.place.kind === "channel" && store.place.id === change.channel) drawChannel();
  },
  async member_joined(change) { await REACT.channel(change); },
  async member_left(change) { await REACT.channel(change); },
  async pin_added(change) {
    await loadMessages(change.channel);
    redraw();
  },
  async pin_removed(change) { await REACT.pin_added(change); },
};

function setOnline(online) {
  store.online = online;
  banner.classList.toggle("offline", !online);
  if (online) banner.replaceChildren(...calm);
  else banner.replaceChildren("The workspace does not answer. Trying to reach it again…");
}

let stop = () => {};

/** Load everything for the acting person and follow what happens. */
async function start() {
  stop();
  await loadState();
  stop = follow(store.me, {
    onChange: (change) => REACT[change.kind]?.(change),
    async onUp() {
      const lost = !store.online;
      setOnline(true);
      if (!lost) return;
      await loadState();
      if (!store.people.has(store.me)) store.me = personas()[0].id;
      drawAside();
      if (store.place.kind === "channel" && store.channels.has(store.place.id)) {
        await loadMessages(store.place.id);
        redraw();
      }
      await syncModal();
    },
    onDown: () => setOnline(false),
  });
  const { place, ts } = wanted();
  await go(place, ts);
  await syncModal();
}

/** Where the address points: a channel (perhaps at a message), an app's Home, or the first channel. */
function wanted() {
  const [id, mark] = location.hash.slice(1).split("/");
  const ts = /^p\d{7,}$/.test(mark ?? "") ? `${mark.slice(1, -6)}.${mark.slice(-6)}` : "";
  if (store.channels.has(id)) return { place: { kind: "channel", id }, ts };
  if (store.apps.some((app) => app.id === id)) return { place: { kind: "home", id, tab: mark === "settings" ? "settings" : "home" }, ts: "" };
  return { place: { kind: "channel", id: store.channels.keys().next().value }, ts: "" };
}

addEventListener("hashchange", () => {
  const { place, ts } = wanted();
  go(place, ts);
});

const asked = new URLSearchParams(location.search).get("as");
store.me = asked ?? sessionStorage.getItem("acting-as") ?? "U0ONCALL";
await loadState();
store.me = (personas().find((each) => each.id === store.me || each.name === store.me) ?? personas()[0]).id;
store.online = true;
await start();
