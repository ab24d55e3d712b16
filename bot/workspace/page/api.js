// The wire: JSON over HTTP for what one does, one WebSocket for what happens.

async function exchange(path, options) {
  const answer = await fetch(path, options);
  const body = await answer.json();
  if (!answer.ok) return { ok: false, error: body.error ?? "failed", message: [body.detail, body.hint].filter(Boolean).join(". ") };
  return body;
}

export function get(path, query = {}) {
  return exchange(`/_page/${path}?${new URLSearchParams(query)}`);
}

/** Do something; failures come back as `{ok: false}`, a dead workspace too. */
export async function post(path, body) {
  try {
    return await exchange(`/_page/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    return { ok: false, error: "unreachable", message: "The workspace does not answer. Is it still running?" };
  }
}

/** Follow what happens as `user`. `onUp` is called at each (re)connection, so that the page can load anew. */
export function follow(user, { onChange, onUp, onDown }) {
  let socket = null;
  let stopped = false;
  let pause = 300;
  const open = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/_page/live?user=${encodeURIComponent(user)}`);
    socket.onopen = () => { pause = 300; onUp(); };
    socket.onmessage = (event) => onChange(JSON.parse(event.data));
    socket.onclose = () => {
      if (stopped) return;
      onDown();
      setTimeout(() => stopped || open(), pause);
      pause = Math.min(pause * 2, 5000);
    };
  };
  open();
  return () => { stopped = true; socket.close(); };
}

const ERRORS = {
  operation_timeout: "did not answer within 3 seconds (operation_timeout).",
  dispatch_failed: "could not be reached: it is not connected (dispatch_failed).",
  dispatch_unknown_error: "refused the request (dispatch_unknown_error).",
};

/** What to tell a person about a failed action. */
export function failure(appName, answer) {
  if (answer.message) return answer.message;
  return ERRORS[answer.error] ? `${appName} ${ERRORS[answer.error]}` : `That failed (${answer.error}).`;
}
