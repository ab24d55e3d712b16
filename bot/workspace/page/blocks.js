// Block Kit: from blocks to nodes.

import { freshId, h, icon } from "./dom.js";
import { drawElement, isGroup } from "./elements.js";
import { withEmoji } from "./emoji.js";
import { markdown, mrkdwn, plainText, richText, textObject } from "./mrkdwn.js";

function figure(element, small = false) {
  const title = element.title ? `${plainText(element.title)}: ` : "";
  const url = /^https?:/i.test(element.image_url ?? "") ? element.image_url : null;
  const label = `${title}${element.alt_text}`;
  return h("span", { class: small ? "figure small" : "figure", role: "img", "aria-label": `Image: ${label}` }, icon("image"),
    url ? h("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, label) : label);
}

function contextElement(element) {
  return element.type === "image" ? figure(element, true) : textObject(element, "span");
}

function inputBlock(block, place) {
  const id = freshId("input");
  const error = place.errors?.[block.block_id];
  const described = [block.hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || null;
  const label = [plainText(block.label), block.optional && h("span", { class: "optional" }, " (optional)")];
  const group = isGroup(block.element);
  const control = drawElement(block.element, block, place, {
    labelled: true, id: group ? null : id, "aria-invalid": error ? "true" : null, "aria-describedby": described,
    "aria-required": block.optional || group ? null : "true", autofocus: block.element.focus_on_load ? true : null,
  });
  return h(group ? "fieldset" : "div", { class: "input-block", data: { input: block.block_id } },
    h(group ? "legend" : "label", { class: "input-label", for: group ? null : id }, label),
    control,
    block.hint && h("p", { class: "input-hint", id: `${id}-hint` }, plainText(block.hint)),
    error && h("p", { class: "input-error", id: `${id}-error` }, icon("alert"), error));
}

const DRAW = {
  header: (block) => h("h3", { class: "block-header" }, withEmoji(block.text.text)),
  divider: () => h("hr", { class: "block-divider" }),
  section: (block, place) => h("div", { class: "section" },
    h("div", { class: "words" }, block.text && textObject(block.text), block.fields && h("div", { class: "fields" }, block.fields.map((field) => textObject(field)))),
    block.accessory && (block.accessory.type === "image" ? figure(block.accessory) : drawElement(block.accessory, block, place))),
  context: (block) => h("div", { class: "context" }, block.elements.map(contextElement)),
  actions: (block, place) => h("div", { class: "actions", role: "group", "aria-label": "Actions" }, block.elements.map((element) => drawElement(element, block, place))),
  image: (block) => figure(block),
  input: inputBlock,
  rich_text: (block) => richText(block),
  markdown: (block) => markdown(block.text),
  video: (block) => figure({ ...block, image_url: block.title_url ?? block.video_url }),
};

/** Draw blocks into a place; see elements.js for what a place is. */
export function drawBlocks(blocks, place, className = "") {
  return h("div", { class: `blocks ${className}` }, blocks.map((block) => DRAW[block.type]?.(block, place)));
}

const PLAIN = new Set(["section", "rich_text", "markdown", "context", "divider"]);

/** Whether blocks are mere words, which need no frame around them. */
export function areWords(blocks) {
  return blocks.every((block) => PLAIN.has(block.type) && !block.accessory && !block.fields);
}

/** What a screen reader is told of a message. */
export function spoken(message) {
  if (message.text) return mrkdwn(message.text).textContent;
  return drawBlocks(message.blocks ?? [], { values: { get: () => undefined } }).textContent;
}
