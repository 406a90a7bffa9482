/** What a web page does with a gateway, its own or a stranger's. Each answers with what the page got of it. */

const question = (prompt) => ({
  model: "zhipu",
  stream: true,
  messages: [{ role: "user", content: prompt }],
});

/** Streams an answer with the headers of an OpenAI client, which a browser asks about first. */
export async function streamed(base, prompt) {
  const response = await fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer any", "content-type": "application/json" },
    body: JSON.stringify(question(prompt)),
  });
  let pieces = 0;
  let text = "";
  const decoder = new TextDecoder();
  for (const reader = response.body.getReader(); ; pieces += 1) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  const words = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data));
  return {
    status: response.status,
    requestId: response.headers.get("x-request-id"),
    isStreamed: pieces > 1,
    text: words.map(({ choices }) => choices?.[0]?.delta.content ?? "").join(""),
  };
}

/** Starts a run as a page may without asking, and reads nothing of it. */
export async function sentBlindly(base, prompt) {
  const body = JSON.stringify({ ...question(prompt), stream: false });
  const { type } = await fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    mode: "no-cors",
    body,
  });
  return type;
}

/** The same with a form, whose one field is cut so that its text is JSON. */
export function sentAsForm(base, prompt) {
  const [name, value] = JSON.stringify({ ...question(prompt), user: "=" }).split("=");
  const frame = document.createElement("iframe");
  frame.name = "result";
  const form = document.createElement("form");
  Object.assign(form, { method: "post", enctype: "text/plain", target: frame.name });
  form.action = `${base}/v1/chat/completions`;
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name, value });
  form.append(field);
  return new Promise((resolve) => {
    document.body.append(frame, form);
    frame.onload = () => resolve("loaded");
    form.submit();
  });
}

export async function started(base, prompt) {
  const response = await fetch(`${base}/v1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message: prompt, provider: "zhipu" }),
  });
  return (await response.json()).id;
}

export async function read(base, path) {
  const response = await fetch(`${base}${path}`);
  return response.status;
}

/** Reads a run until its end, or until the browser gives up. */
export function followed(base, run) {
  return new Promise((resolve) => {
    const events = new EventSource(`${base}/v1/runs/${run}/events`);
    let text = "";
    const end = (outcome) => {
      events.close();
      resolve({ outcome, text });
    };
    events.addEventListener("delta", ({ data }) => {
      text += JSON.parse(data).text;
    });
    events.addEventListener("done", () => end("done"));
    events.onerror = () => events.readyState === EventSource.CLOSED && end("closed");
  });
}

export function talked(base, prompt) {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${base.replace("http", "ws")}/ws/stream`);
    let text = "";
    socket.onopen = () => socket.send(JSON.stringify({ message: prompt, provider: "zhipu" }));
    socket.onmessage = ({ data }) => {
      if (data === '{"type":"done"}') socket.close(1000);
      else text += data;
    };
    socket.onclose = ({ code }) => resolve({ code, text });
  });
}
