// Interactive elements of Block Kit. Each is drawn into a place (a message or a view) that knows the values people
// gave so far and how to tell the app.

import { h, icon, toast } from "./dom.js";
import { combobox } from "./combobox.js";
import { withEmoji } from "./emoji.js";
import { confirmed, menuButton } from "./menus.js";
import { plainText, textObject } from "./mrkdwn.js";
import { personas, store } from "./store.js";

/** What people filled in: plain values by block_id and action_id. */
export class Values {
  constructor(initial = {}) {
    this.all = initial;
  }

  get(block, action) {
    return this.all[block]?.[action];
  }

  set(block, action, value) {
    (this.all[block] ??= {})[action] = value;
  }
}

/** The plain value of an entry of `state.values`. */
export function plainOf(wire) {
  const option = (each) => (each && typeof each === "object" ? each : null);
  if (wire.type.includes("external")) return wire.selected_options ?? option(wire.selected_option);
  if ("selected_options" in wire) return wire.selected_options.map((each) => each.value);
  if ("selected_option" in wire) return wire.selected_option?.value ?? null;
  const key = Object.keys(wire).find((name) => name === "value" || name.startsWith("selected_"));
  return key ? wire[key] : null;
}

/** Values from `state.values`. */
export function valuesOf(state) {
  const all = {};
  for (const [block, actions] of Object.entries(state ?? {})) {
    for (const [action, wire] of Object.entries(actions)) (all[block] ??= {})[action] = plainOf(wire);
  }
  return new Values(all);
}

const INITIAL = ["initial_value", "initial_user", "initial_channel", "initial_conversation", "initial_date", "initial_time", "initial_date_time", "initial_users", "initial_channels", "initial_conversations"];

function initialOf(element) {
  if (element.type.includes("external")) return element.initial_options ?? element.initial_option ?? null;
  if (element.initial_option) return element.initial_option.value;
  if (element.initial_options) return element.initial_options.map((each) => each.value);
  const key = INITIAL.find((name) => element[name] !== undefined);
  return key ? element[key] : null;
}

/** Tell the app, with the element busy until it answered; a failure is shown to the person. */
async function use(node, place, element, block, value) {
  if (node.getAttribute("aria-busy") === "true") return;
  if (!(await confirmed(element.confirm))) return;
  node.setAttribute("aria-busy", "true");
  const error = await place.act(element, block, value);
  node.removeAttribute("aria-busy");
  if (error) toast(error);
}

function button(element, block, place) {
  const props = {
    class: `button ${element.style ?? ""}`, "aria-label": element.accessibility_label ?? null,
    data: { action: element.action_id, block: block.block_id },
  };
  if (element.url && /^https?:/i.test(element.url)) {
    const node = h("a", { ...props, href: element.url, target: "_blank", rel: "noreferrer noopener" }, withEmoji(element.text.text));
    node.addEventListener("click", () => use(node, place, element, block, null));
    return node;
  }
  const node = h("button", { type: "button", ...props }, withEmoji(element.text.text));
  node.addEventListener("click", () => use(node, place, element, block, null));
  return node;
}

function overflow(element, block, place) {
  const run = (option) => use(node, place, element, block, option.value);
  const node = menuButton(
    { class: "button", "aria-label": "More actions", data: { action: element.action_id, block: block.block_id } },
    "More actions",
    () => [{ items: element.options.map((option) => ({ label: plainText(option.text), note: plainText(option.description), run: () => run(option) })) }],
    icon("more"),
  );
  return node;
}

/** What changes with every keystroke or choice goes into the values, and to the app where the block wants it. */
function change(node, element, block, place, value, { dispatch }) {
  place.values.set(block.block_id, element.action_id, value);
  if (dispatch) use(node, place, element, block, value);
}

const dispatches = (block) => block.type !== "input" || block.dispatch_action === true;

function current(element, block, place) {
  return place.values.get(block.block_id, element.action_id) ?? initialOf(element);
}

function common(element, block, props = {}) {
  return { class: "field", data: { action: element.action_id, block: block.block_id }, ...props };
}

function textInput(element, block, place, props) {
  const multiline = element.multiline === true || element.type === "rich_text_input";
  const types = { email_text_input: "email", url_text_input: "url", number_input: "text" };
  const node = h(multiline ? "textarea" : "input", common(element, block, {
    type: multiline ? null : types[element.type] ?? "text", inputmode: element.type === "number_input" ? "decimal" : null,
    placeholder: plainText(element.placeholder) || null, maxlength: element.max_length ?? 3000, value: current(element, block, place) ?? "",
    autocomplete: "off", ...props,
  }));
  const wishes = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  node.addEventListener("input", () => change(node, element, block, place, node.value, { dispatch: dispatches(block) && wishes.includes("on_character_entered") }));
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !multiline && block.dispatch_action && wishes.includes("on_enter_pressed")) {
      event.preventDefault();
      change(node, element, block, place, node.value, { dispatch: true });
    }
  });
  return node;
}

function picker(type, read = (value) => value, write = (value) => value) {
  return (element, block, place, props) => {
    const start = current(element, block, place);
    const node = h("input", common(element, block, { type, value: start ? write(start) : "", "aria-label": props?.labelled ? null : plainText(element.placeholder) || "Choose", ...props }));
    node.addEventListener("change", () => change(node, element, block, place, node.value ? read(node.value) : null, { dispatch: dispatches(block) }));
    return node;
  };
}

const localMoment = (seconds) => {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

/** Options of a select, whatever their source: `[{label, items: [{text, value}]}]`. */
function sources(element) {
  const kind = element.type.replace("multi_", "");
  const people = () => personas().map((each) => ({ text: each.real_name, value: each.id }));
  const rooms = () => [...store.channels.values()].filter((each) => !each.is_im && !each.is_archived).map((each) => ({ text: `#${each.name}`, value: each.id }));
  if (kind === "users_select") return [{ items: people() }];
  if (kind === "channels_select" || kind === "conversations_select") return [{ items: rooms() }];
  const items = (options) => options.map((option) => ({ text: plainText(option.text), note: plainText(option.description), value: option.value }));
  if (element.option_groups) return element.option_groups.map((group) => ({ label: plainText(group.label), items: items(group.options) }));
  return [{ items: items(element.options ?? []) }];
}

function select(element, block, place, props) {
  const start = current(element, block, place) ?? "";
  const option = (item) => h("option", { value: item.value, selected: item.value === start }, item.text);
  const node = h("select", common(element, block, { "aria-label": props?.labelled ? null : plainText(element.placeholder) || "Choose an option", ...props }),
    h("option", { value: "", disabled: block.type !== "input" || !block.optional, selected: !start }, plainText(element.placeholder) || "Choose an option"),
    sources(element).map((group) => (group.label ? h("optgroup", { label: group.label }, group.items.map(option)) : group.items.map(option))));
  node.addEventListener("change", () => change(node, element, block, place, node.value || null, { dispatch: dispatches(block) }));
  return node;
}

function combo(element, block, place, props) {
  const external = element.type.includes("external");
  const multiple = element.type.startsWith("multi_");
  const start = current(element, block, place);
  const known = sources(element).flatMap((group) => group.items);
  const asItem = (each) => (each && typeof each === "object" ? { text: plainText(each.text), value: each.value, option: each } : known.find((item) => item.value === each));
  const chosen = (multiple ? start ?? [] : start ? [start] : []).map(asItem).filter(Boolean);
  const search = external
    ? async (query) => (query.length < (element.min_query_length ?? 3) ? { hint: `Type at least ${element.min_query_length ?? 3} characters` } : place.suggest(element, block, query))
    : async (query) => ({ groups: sources(element).map((group) => ({ ...group, items: group.items.filter((item) => item.text.toLowerCase().includes(query.toLowerCase())) })) });
  const node = combobox({
    multiple, chosen, search, props: common(element, block, { placeholder: plainText(element.placeholder) || "Search", ...props }),
    onChange: (items) => {
      const values = items.map((item) => (external ? item.option : item.value));
      change(node, element, block, place, multiple ? values : values[0] ?? null, { dispatch: dispatches(block) });
    },
  });
  return node;
}

function choices(type) {
  return (element, block, place, props) => {
    const name = `${block.block_id}-${element.action_id}`;
    const start = current(element, block, place);
    const picked = new Set(type === "checkbox" ? start ?? [] : start ? [start] : []);
    const node = h("div", { role: "group", "aria-label": props?.labelled ? null : "Options", data: { action: element.action_id, block: block.block_id } });
    for (const option of element.options) {
      const input = h("input", { type, name, value: option.value, "aria-invalid": props?.["aria-invalid"] ?? null, "aria-describedby": props?.["aria-describedby"] ?? null });
      input.checked = picked.has(option.value);
      input.addEventListener("change", () => {
        if (type === "radio") picked.clear();
        if (input.checked) picked.add(option.value);
        else picked.delete(option.value);
        const order = element.options.map((each) => each.value).filter((value) => picked.has(value));
        change(node, element, block, place, type === "radio" ? order[0] ?? null : order, { dispatch: dispatches(block) });
      });
      node.append(h("label", { class: "choice" }, input, h("span", {}, textObject(option.text), option.description && h("small", {}, plainText(option.description)))));
    }
    return node;
  };
}

const DRAW = {
  button, overflow,
  plain_text_input: textInput, email_text_input: textInput, url_text_input: textInput, number_input: textInput, rich_text_input: textInput,
  static_select: select, users_select: select, channels_select: select, conversations_select: select,
  external_select: combo, multi_external_select: combo, multi_static_select: combo, multi_users_select: combo, multi_channels_select: combo, multi_conversations_select: combo,
  datepicker: picker("date"), timepicker: picker("time"),
  datetimepicker: picker("datetime-local", (text) => Math.floor(new Date(text).getTime() / 1000), localMoment),
  checkboxes: choices("checkbox"), radio_buttons: choices("radio"),
};

/** Whether an element is a group of controls with a legend rather than one control with a label. */
export function isGroup(element) {
  return element.type === "checkboxes" || element.type === "radio_buttons";
}

/** Draw an element. `props` reach the control that people use (id, aria-…). */
export function drawElement(element, block, place, props) {
  const draw = DRAW[element.type];
  if (!draw) return h("span", { class: "figure small" }, `${element.type} is not shown here`);
  const { labelled, ...rest } = props ?? {};
  return draw(element, block, place, labelled ? Object.defineProperty({ ...rest }, "labelled", { value: true, enumerable: false }) : rest);
}
