// The left edge: whose eyes one looks through, channels, conversations, apps.

import { h, icon } from "./dom.js";
import { menuButton } from "./menus.js";
import { avatar } from "./people.js";
import { channelName, person, personas, store } from "./store.js";

function room(label, current, unread, open, lead, note) {
  return h("li", {}, h("button", {
    type: "button", class: `room ${unread ? "unread" : ""}`, "aria-current": current ? "page" : null, on: { click: open },
  }, lead, h("span", { class: "name" }, label), note,
    unread ? h("span", { class: "count" }, String(unread), h("span", { class: "visually-hidden" }, " unread")) : null));
}

function connection(app) {
  if (app.transport === "http") return "HTTP";
  return app.connections ? "connected" : "not connected";
}

/** Draw it into `node`; `go(place)` shows a place, `actAs(id)` changes the acting person. */
export function drawSidebar(node, { go, actAs }) {
  const me = person(store.me);
  const here = (kind, id) => store.place.kind === kind && store.place.id === id;
  const channels = [...store.channels.values()];
  const rooms = channels.filter((channel) => !channel.is_im && !channel.is_archived).sort((one, other) => one.name.localeCompare(other.name));
  const direct = channels.filter((channel) => channel.is_im);
  const focused = node.contains(document.activeElement) ? document.activeElement.textContent : null;
  const acting = menuButton({ "aria-label": `Acting as ${me.real_name}. Change person` }, "Act as", () => [{
    title: "Act as",
    items: personas().map((each) => ({ label: each.real_name, note: each.title, lead: avatar(each.id, "small"), checked: each.id === store.me, run: () => actAs(each.id) })),
  }], avatar(me.id), h("span", { class: "who" }, h("b", {}, me.real_name), h("span", {}, me.title)), icon("down"));
  node.replaceChildren(
    h("div", { class: "team" }, h("span", { class: "avatar", "aria-hidden": "true" }, h("img", { src: "/static/icon.svg", alt: "" })), h("div", {}, h("h1", {}, store.team.name), h("p", {}, "Local workspace"))),
    h("div", { class: "acting" }, h("span", { class: "acting-label" }, "You are acting as"), acting),
    h("div", { class: "rooms" },
      h("h2", { id: "rooms-channels" }, "Channels"),
      h("ul", { "aria-labelledby": "rooms-channels" }, rooms.map((channel) => room(channel.name, here("channel", channel.id), store.unread.get(channel.id), () => go({ kind: "channel", id: channel.id }), icon(channel.is_private ? "lock" : "hash")))),
      direct.length ? [h("h2", { id: "rooms-direct" }, "Direct messages"),
        h("ul", { "aria-labelledby": "rooms-direct" }, direct.map((channel) => room(channelName(channel), here("channel", channel.id), store.unread.get(channel.id), () => go({ kind: "channel", id: channel.id }), avatar(channel.user, "small"))))] : null,
      h("h2", { id: "rooms-apps" }, "Apps"),
      h("ul", { "aria-labelledby": "rooms-apps" }, store.apps.map((app) => room(app.name, here("home", app.id), 0, () => go({ kind: "home", id: app.id }), avatar(app.bot_user, "small"), h("span", { class: "presence" }, connection(app)))))),
  );
  if (focused) [...node.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
}
