// Slack's mrkdwn, rich text and plain text, as nodes.

import { exact, formatDate } from "./dates.js";
import { h } from "./dom.js";
import { emoji, emojiText, withEmoji } from "./emoji.js";
import { person, store } from "./store.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const unescape = (text) => text.replace(/&(amp|lt|gt);/g, (entity) => ENTITIES[entity]);
const plain = (text) => withEmoji(unescape(text));

function safeLink(url) {
  return /^(https?|mailto|tel):/i.test(url) ? url : null;
}

function link(url, label) {
  const href = safeLink(url);
  if (!href) return label || url;
  const own = new URL(href, location.href).origin === location.origin;
  return h("a", { href, rel: "noreferrer noopener", target: own ? null : "_blank" }, label || url);
}

function mention(id) {
  return h("span", { class: id === store.me ? "mention own" : "mention" }, `@${person(id).real_name}`);
}

function channelLink(id, label) {
  const channel = store.channels.get(id);
  return h("a", { class: "mention", href: `#${id}` }, `#${channel?.name ?? label ?? id}`);
}

function dateToken(parts) {
  const [, seconds, format, url] = parts[0].split("^");
  const fallback = parts.slice(1).join("|");
  const text = formatDate(seconds, format ?? "") ?? unescape(fallback);
  const node = h("time", { class: "when", datetime: isoOf(seconds), title: exactOf(seconds) }, url ? link(url, text) : text);
  return node;
}

const isoOf = (seconds) => (Number.isFinite(Number(seconds)) ? new Date(Number(seconds) * 1000).toISOString() : null);
const exactOf = (seconds) => (Number.isFinite(Number(seconds)) ? exact(seconds) : null);

/** What stands between angle brackets. */
function token(body) {
  const parts = body.split("|");
  const label = parts.length > 1 ? unescape(parts.slice(1).join("|")) : "";
  if (body.startsWith("@")) return mention(parts[0].slice(1));
  if (body.startsWith("#")) return channelLink(parts[0].slice(1), label);
  if (body.startsWith("!date^")) return dateToken(parts);
  if (body.startsWith("!subteam^")) {
    const group = store.usergroups.find((each) => each.id === parts[0].slice(9));
    return h("span", { class: "mention" }, label || `@${group?.handle ?? parts[0].slice(9)}`);
  }
  if (body.startsWith("!")) return h("span", { class: "mention" }, label || `@${parts[0].slice(1)}`);
  return link(unescape(parts[0]), label);
}

const SPAN = /(```[\s\S]+?```)|(`[^`\n]+`)|<([^<>]+)>|(?<![\w*])\*([^*\n]+?)\*(?![\w*])|(?<![\w_])_([^_\n]+?)_(?![\w_])|(?<![\w~])~([^~\n]+?)~(?![\w~])/g;

/** A run of mrkdwn without quotes. */
function spans(text) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(SPAN)) {
    if (match.index > at) nodes.push(...plain(text.slice(at, match.index)));
    at = match.index + match[0].length;
    if (match[1] && text[at] === "\n") at += 1; // a code block ends its line already
    const [, pre, code, angle, bold, italic, strike] = match;
    if (pre) nodes.push(h("pre", {}, unescape(pre.slice(3, -3).replace(/^\n/, ""))));
    else if (code) nodes.push(h("code", {}, unescape(code.slice(1, -1))));
    else if (angle) nodes.push(token(angle));
    else if (bold) nodes.push(h("strong", {}, spans(bold)));
    else if (italic) nodes.push(h("em", {}, spans(italic)));
    else if (strike) nodes.push(h("s", {}, spans(strike)));
  }
  if (at < text.length) nodes.push(...plain(text.slice(at)));
  return nodes;
}

/** mrkdwn as a block of text. */
export function mrkdwn(text) {
  const node = h("div", { class: "text" });
  let quote = [];
  let words = [];
  const flush = () => {
    if (words.length) node.append(...spans(words.join("\n")));
    if (quote.length) node.append(h("blockquote", {}, spans(quote.join("\n"))));
    words = [];
    quote = [];
  };
  let inCode = false;
  for (const line of text.split("\n")) {
    const quoted = !inCode && /^(&gt;|>) ?/.test(line);
    if (quoted ? words.length : quote.length) flush();
    if (quoted) quote.push(line.replace(/^(&gt;|>) ?/, ""));
    else words.push(line);
    if (((line.match(/```/g) ?? []).length) % 2) inCode = !inCode;
  }
  flush();
  return node;
}

/** A text object, by its type. */
export function textObject(object, tag = "div") {
  if (object.type === "mrkdwn") return mrkdwn(object.text);
  return h(tag, { class: "text" }, withEmoji(object.text));
}

/** A text object as a string, where markup cannot go. */
export function plainText(object) {
  return object ? emojiText(object.text) : "";
}

/** mrkdwn with its markup taken away: for screen readers and previews. */
export function flatten(text) {
  return mrkdwn(text).textContent;
}

const STYLES = { bold: "strong", italic: "em", strike: "s", code: "code", underline: "u" };

function styled(node, style = {}) {
  return Object.keys(STYLES).reduce((inner, name) => (style[name] ? h(STYLES[name], {}, inner) : inner), node);
}

const RICH = {
  text: (part) => withEmoji(part.text),
  link: (part) => link(part.url, part.text),
  user: (part) => mention(part.user_id),
  usergroup: (part) => h("span", { class: "mention" }, `@${store.usergroups.find((each) => each.id === part.usergroup_id)?.handle ?? part.usergroup_id}`),
  channel: (part) => channelLink(part.channel_id),
  broadcast: (part) => h("span", { class: "mention" }, `@${part.range}`),
  emoji: (part) => emoji(part.name),
  date: (part) => h("time", { class: "when", datetime: isoOf(part.timestamp), title: exactOf(part.timestamp) }, formatDate(part.timestamp, part.format ?? "{date} {time}") ?? part.fallback ?? ""),
  color: (part) => part.value,
};

const richParts = (section) => (section.elements ?? []).map((part) => styled(RICH[part.type]?.(part) ?? "", part.style));

/** A rich_text block. */
export function richText(block) {
  return h("div", { class: "text" }, (block.elements ?? []).map((section) => {
    switch (section.type) {
      case "rich_text_list":
        return h(section.style === "ordered" ? "ol" : "ul", {}, (section.elements ?? []).map((item) => h("li", {}, richParts(item))));
      case "rich_text_quote":
        return h("blockquote", {}, richParts(section));
      case "rich_text_preformatted":
        return h("pre", {}, richParts(section));
      default:
        return h("p", {}, richParts(section));
    }
  }));
}

/** A markdown block: headings, emphasis, code, lists and links; the rest as it is. */
export function markdown(text) {
  const translated = text
    .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")
    .replace(/^#{1,6} +(.+)$/gm, "*$1*")
    .replace(/\*\*(.+?)\*\*/g, "*$1*")
    .replace(/^[-*] +/gm, "• ")
    .replace(/\[([^\]]+)\]\((https?:[^)\s]+)\)/g, "<$2|$1>");
  return mrkdwn(translated);
}
