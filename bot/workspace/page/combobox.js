// A text field with a list of suggestions, for one or several choices: the ARIA combobox pattern.

import { announce, freshId, h, icon } from "./dom.js";

// How long one must rest before the app is asked: nobody is asked for fields one merely tabs through.
const PAUSE = 150;

/**
 * `search(query)` resolves to `{groups: [{label, items: [{text, note, value}]}]}` or `{hint}` or `{error}`;
 * `onChange(items)` hears of every change.
 */
export function combobox({ multiple, chosen, search, props, onChange }) {
  const listId = freshId("options");
  const input = h("input", { type: "text", role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": listId, autocomplete: "off", ...props });
  const list = h("ul", { role: "listbox", id: listId, "aria-label": "Suggestions", hidden: true });
  const chips = h("div", { class: "chips" });
  const node = h("div", { class: "combo" }, multiple && chips, input, list);
  let picked = [...chosen];
  let shown = [];
  let active = -1;
  let asked = 0;

  const drawChips = () => {
    chips.replaceChildren(...picked.map((item) => h("span", { class: "chip" }, item.text,
      h("button", { type: "button", "aria-label": `Remove ${item.text}`, on: { click: () => drop(item) } }, icon("close")))));
    if (!multiple) input.value = picked[0]?.text ?? "";
  };
  const settle = () => {
    drawChips();
    onChange(picked);
  };
  const drop = (item) => {
    picked = picked.filter((each) => each.value !== item.value);
    settle();
    input.focus();
  };
  const pick = (item) => {
    if (!multiple) picked = [item];
    else if (!picked.some((each) => each.value === item.value)) picked = [...picked, item];
    if (multiple) input.value = "";
    hide();
    settle();
    announce(`${item.text} chosen`);
  };
  const hide = () => {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (index) => {
    if (!shown.length) return;
    active = (index + shown.length) % shown.length;
    shown.forEach((each, at) => {
      each.node.classList.toggle("active", at === active);
      each.node.setAttribute("aria-selected", String(at === active));
    });
    input.setAttribute("aria-activedescendant", shown[active].node.id);
    shown[active].node.scrollIntoView({ block: "nearest" });
  };
  const show = async (query) => {
    asked += 1;
    const mine = asked;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (mine !== asked) return;
    const found = await search(query);
    if (mine !== asked) return;
    shown = [];
    list.replaceChildren();
    for (const group of found.groups ?? []) {
      if (group.label && group.items.length) list.append(h("li", { class: "group", role: "presentation" }, group.label));
      for (const item of group.items) {
        const option = h("li", { role: "option", id: freshId("option"), "aria-selected": "false", on: { pointerdown: (event) => { event.preventDefault(); pick(item); } } }, item.text);
        shown.push({ item, node: option });
        list.append(option);
      }
    }
    if (!shown.length) list.append(h("li", { class: "none", role: "presentation" }, found.error ?? found.hint ?? "Nothing found"));
    active = -1;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    announce(shown.length ? `${shown.length} suggestions` : found.error ?? found.hint ?? "Nothing found");
  };

  input.addEventListener("focus", () => show(multiple ? input.value : ""));
  input.addEventListener("input", () => show(input.value));
  input.addEventListener("blur", () => {
    asked += 1;
    hide();
    if (!multiple && input.value === "" && picked.length) {
      picked = [];
      settle();
    } else if (!multiple) input.value = picked[0]?.text ?? "";
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) show(input.value);
      else mark(active + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && !list.hidden) {
      event.preventDefault();
      if (active >= 0) pick(shown[active].item);
      else if (shown.length === 1) pick(shown[0].item);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      hide();
    } else if (event.key === "Backspace" && multiple && !input.value && picked.length) drop(picked.at(-1));
  });
  drawChips();
  return node;
}
