// What the page knows: people, channels, apps, messages. One object; whoever draws reads from it.

import { get } from "./api.js";

export const store = {
  me: "",
  team: { name: "" },
  people: new Map(),
  channels: new Map(),
  apps: [],
  usergroups: [],
  slackbot: "",
  messages: new Map(), // channel id -> messages, oldest first, replies included
  unread: new Map(), // channel id -> how many arrived unseen
  place: { kind: "channel", id: "" }, // or {kind: "home", id: app id, tab}
  thread: null, // {channel, ts}
  inspector: false,
  online: false,
};

/** Load people, channels and apps anew. */
export async function loadState() {
  const state = await get("state", { user: store.me });
  store.team = state.team;
  store.people = new Map(state.people.map((person) => [person.id, person]));
  store.channels = new Map(state.channels.map((channel) => [channel.id, channel]));
  store.apps = state.apps;
  store.usergroups = state.usergroups;
  store.slackbot = state.slackbot;
}

/** Load the messages of a channel anew. */
export async function loadMessages(channel) {
  const { messages } = await get("messages", { channel, user: store.me });
  store.messages.set(channel, messages ?? []);
}

export function personas() {
  return [...store.people.values()].filter((person) => !person.is_bot);
}

/** Somebody by id, also those the directory does not list. */
export function person(id) {
  return store.people.get(id) ?? { id, name: id === store.slackbot ? "workspace" : id, real_name: id === store.slackbot ? "Workspace" : id, title: "", is_bot: true };
}

export function appOf(message) {
  return store.apps.find((app) => app.id === message.app_id);
}

export function channelName(channel) {
  if (!channel) return "";
  return channel.is_im ? person(channel.user).real_name : channel.name;
}

/** Put a new or changed message into its place by time. */
export function putMessage(message, channel) {
  const list = store.messages.get(channel);
  if (!list) return;
  const index = list.findIndex((each) => each.ts >= message.ts);
  if (index >= 0 && list[index].ts === message.ts) list[index] = { ...message, pinned: message.pinned ?? list[index].pinned };
  else if (index >= 0) list.splice(index, 0, message);
  else list.push(message);
}

export function dropMessage(ts, channel) {
  const list = store.messages.get(channel);
  if (list) store.messages.set(channel, list.filter((message) => message.ts !== ts));
}

/** What stands in the channel itself: no replies, unless sent to the channel too. */
export function topLevel(channel) {
  return (store.messages.get(channel) ?? []).filter((message) => !isReply(message) || message.subtype === "thread_broadcast");
}

export function replies(channel, ts) {
  return (store.messages.get(channel) ?? []).filter((message) => isReply(message) && message.thread_ts === ts);
}

export function isReply(message) {
  return Boolean(message.thread_ts) && message.thread_ts !== message.ts;
}
