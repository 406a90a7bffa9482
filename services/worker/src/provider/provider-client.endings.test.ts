/** When an answer is over, where the provider gives reasons to stop and holds the connection open. */
import type { ServerResponse } from "node:http";
import { describe, expect, it, test } from "vitest";
import { client, collect, errorOf, provider } from "../testing/asking.ts";
import { beginStream, frame, until } from "../testing/fake-provider.ts";
import type { ProviderEvent } from "./contract/provider-event.ts";

const DONE = "data: [DONE]\n\n";
const USAGE = `data: ${JSON.stringify({
  choices: [],
  usage: { prompt_tokens: 3, completion_tokens: 5 },
})}\n\n`;
const COUNTED = { finish: "stop", usage: { inputTokens: 3, outputTokens: 5 } };
/** A grace that many pieces with pauses in between are longer than. */
const HASTY = { timeouts: { endMs: 300 } };
/** Only a faulty client would wait for this long. */
const PATIENT = { timeouts: { endMs: 60_000 } };

const textOf = (events: readonly ProviderEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A provider that says its lines one after the other, `gapMs` apart, and then does as it is told. */
const speaking = (
  lines: readonly string[],
  gapMs: number,
  then: (response: ServerResponse) => void,
) =>
  provider(async (_request, response) => {
    beginStream(response);
    for (const line of lines) {
      if (response.destroyed) return;
      response.write(line);
      await pause(gapMs);
    }
    then(response);
  });

const open = () => undefined;

describe("a reason in every piece", () => {
  const words = Array.from({ length: 12 }, (_, at) => `w${at} `);
  const lines = words.map((content) => frame({ content }, "stop"));

  it("ends nothing as long as pieces come, though all of them take longer than the grace", async () => {
    const fake = await speaking([...lines, USAGE], 60, (response) => response.end(DONE));
    const events = await collect(await client(fake.url, HASTY));
    expect(textOf(events)).toBe(words.join(""));
    expect(events.at(-1)).toMatchObject(COUNTED);
  });

  it("is a cut where the connection breaks: the next piece would have had one too", async () => {
    const fake = await speaking(lines, 1, (response) => response.socket?.resetAndDestroy());
    const error = await errorOf(collect(await client(fake.url, PATIENT)));
    expect(error.code).toBe("provider_cut");
  });

  it("ends nothing in pauses that are longer than the grace, before the first word and between words", async () => {
    const role = frame({ role: "assistant", content: "" }, "stop");
    const fake = await speaking([role, ...lines.slice(0, 3)], 250, (response) =>
      response.end(DONE),
    );
    const events = await collect(await client(fake.url, { timeouts: { endMs: 50 } }));
    expect(textOf(events)).toBe("w0 w1 w2 ");
  });

  it("ends the answer once nothing has come for a third of the longest silence, where it is the only one", async () => {
    const fake = await speaking(lines.slice(0, 1), 1, open);
    const timeouts = { endMs: 50, stallMs: 900 };
    const startedAt = performance.now();
    const events = await collect(await client(fake.url, { timeouts }));
    expect([textOf(events), events.at(-1)]).toMatchObject(["w0 ", { finish: "stop" }]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(290);
    await until(() => fake.open.size === 0);
  });

  it("ends the answer only at the longest silence, once the provider has gone on behind one", async () => {
    const timeouts = { endMs: 50, stallMs: 3_000 };
    const [first = "", second = "", third = ""] = lines;
    const fake = await speaking([first, second], 1, (response) => {
      // More than a third of it.
      setTimeout(() => response.write(third), 1_200);
    });
    const startedAt = performance.now();
    const events = await collect(await client(fake.url, { timeouts }));
    expect([textOf(events), events.at(-1)]).toMatchObject(["w0 w1 w2 ", { finish: "stop" }]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1_200 + 2_690);
  });

  it("ends nothing before the first word", async () => {
    const role = frame({ role: "assistant", content: "" }, "stop");
    const fake = await speaking([role], 1, (response) => {
      setTimeout(() => response.end(`${frame({ content: "late" }, "stop")}${DONE}`), 700);
    });
    const timeouts = { endMs: 50, stallMs: 300, firstTokenMs: 60_000 };
    expect(textOf(await collect(await client(fake.url, { timeouts })))).toBe("late");
  });
});

describe("behind its reason", () => {
  const hi = [frame({ content: "Hi" }), frame({}, "stop")];

  it.each([
    ["a reason of its own", hi],
    ["usage behind a reason that came with text", [frame({ content: "Hi" }, "stop"), USAGE]],
    [
      "a whole message",
      [
        `data: ${JSON.stringify({ choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] })}\n\n`,
      ],
    ],
  ])("%s is an end after the grace, where the connection stays open", async (_, lines) => {
    const fake = await speaking(lines, 1, open);
    const timeouts = { endMs: 200, stallMs: 3_600_000 };
    const events = await collect(await client(fake.url, { timeouts }));
    expect([textOf(events), events.at(-1)]).toMatchObject(["Hi", { finish: "stop" }]);
  });

  it("usage is waited for, and the end marker", async () => {
    const fake = await speaking([...hi, USAGE], 150, (response) => response.write(DONE));
    expect((await collect(await client(fake.url, PATIENT))).at(-1)).toMatchObject(COUNTED);
  });

  it("usage that says nothing of the answer does not start the wait again", async () => {
    const usages = Array.from({ length: 40 }, () => USAGE);
    let said = 0;
    const fake = await speaking([...hi, ...usages], 60, () => {
      said += 1;
    });
    const events = await collect(await client(fake.url, HASTY));
    expect([events.at(-1), said]).toMatchObject([COUNTED, 0]);
  });

  it("text without another reason makes it a cut", async () => {
    const fake = await speaking([...hi, frame({ content: "!" })], 1, (response) =>
      response.end(DONE),
    );
    const error = await errorOf(collect(await client(fake.url, PATIENT)));
    expect(error.code).toBe("provider_cut");
  });

  it("half an event is a cut where the gateway breaks it off", async () => {
    const fake = await speaking([...hi, 'data: {"choices":[{"delta":{"content":"an'], 1, open);
    expect((await errorOf(collect(await client(fake.url, HASTY)))).code).toBe("provider_cut");
  });

  it("an end marker without its empty line is one", async () => {
    const fake = await speaking([...hi, "data: [DONE]\n"], 1, open);
    expect((await collect(await client(fake.url, HASTY))).at(-1)).toMatchObject({ finish: "stop" });
  });
});

test("what came while nobody looked is part of the answer: a slow reader cuts nothing off", async () => {
  const fake = await speaking(
    [frame({ content: "a" }, "stop"), frame({ content: "b" })],
    1,
    (response) => response.write(frame({ content: "c" }, "stop")),
  );
  const asked = await client(fake.url, { timeouts: { endMs: 40 } });
  let text = "";
  const stream = asked.stream(
    { messages: [{ role: "user", content: "hi" }] },
    { signal: new AbortController().signal },
  );
  for await (const event of stream) {
    if (event.type !== "text") continue;
    text += event.text;
    // As a full writer makes it wait, for several times the grace.
    await pause(160);
  }
  expect(text).toBe("abc");
});

test("what came while the process was busy is part of the answer", async () => {
  const beBusy = (response: ServerResponse) => {
    response.write(frame({ content: "b" }, "stop"));
    // The bytes are in the kernel, and the client's timer is due before it reads them.
    const until = performance.now() + 400;
    while (performance.now() < until);
  };
  const fake = await speaking([frame({ content: "a" }, "stop")], 30, (response) =>
    setImmediate(() => beBusy(response)),
  );
  const events = await collect(await client(fake.url, { timeouts: { endMs: 100 } }));
  expect(textOf(events)).toBe("ab");
});

describe("an end marker without a reason", () => {
  const lines = [frame({ content: "Hi" }), DONE];

  it.each([
    ["openai", undefined, "provider_cut"],
    ["nvidia", undefined, undefined],
    ["openai", true, undefined],
    ["nvidia", false, "provider_cut"],
  ])("of kind %s, with finishesWithDone %s: %s", async (kind, finishesWithDone, code) => {
    const fake = await speaking(lines, 1, open);
    const asked = collect(await client(fake.url, { kind, finishesWithDone }));
    if (code) expect((await errorOf(asked)).code).toBe(code);
    else expect((await asked).at(-1)).toMatchObject({ finish: "stop" });
  });
});
