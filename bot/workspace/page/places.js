// Where elements stand and how they reach the app: in a message, or in a view.

import { failure, post } from "./api.js";
import { Values, valuesOf } from "./elements.js";
import { plainText } from "./mrkdwn.js";
import { appOf, store } from "./store.js";

async function suggestions(body, appName) {
  const answer = await post("suggest", { user: store.me, ...body });
  if (!answer.ok) return { error: failure(appName, answer) };
  const items = (options) => options.map((option) => ({ text: plainText(option.text), value: option.value, option }));
  const groups = answer.option_groups?.map((group) => ({ label: plainText(group.label), items: items(group.options) }));
  return { groups: groups ?? [{ items: items(answer.options ?? []) }] };
}

/** A message as a place. */
export function messagePlace(message, channel) {
  const values = new Values();
  const name = appOf(message)?.name ?? "The app";
  const where = { channel, ts: message.ts };
  return {
    values,
    async act(element, block, value) {
      const answer = await post("act", { user: store.me, ...where, action_id: element.action_id, block_id: block.block_id, value, values: values.all });
      return answer.ok ? null : failure(name, answer);
    },
    suggest: (element, block, query) => suggestions({ ...where, action_id: element.action_id, block_id: block.block_id, query }, name),
  };
}

/** A modal or a Home tab as a place; `kept` are values typed before it was drawn anew. */
export function viewPlace(view, kept) {
  const values = valuesOf(view.state?.values);
  for (const [block, actions] of Object.entries(kept ?? {})) {
    for (const [action, value] of Object.entries(actions)) if (values.all[block] && action in values.all[block]) values.set(block, action, value);
  }
  const name = store.apps.find((app) => app.id === view.app_id)?.name ?? "The app";
  return {
    values,
    name,
    async act(element, block, value) {
      const answer = await post("act", { user: store.me, view_id: view.id, action_id: element.action_id, block_id: block.block_id, value, values: values.all });
      return answer.ok ? null : failure(name, answer);
    },
    suggest: (element, block, query) => suggestions({ view_id: view.id, action_id: element.action_id, block_id: block.block_id, query }, name),
  };
}
