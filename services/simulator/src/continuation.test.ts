import { expect, test } from "vitest";
import { answerFor } from "./answer-for.ts";
import { ask, askStream, startSimulator } from "./testing/wire.ts";

const prompt = "Tell me about rivers";
const whole = answerFor({ prompt, profile: "openai" });

function extra(partial: string, fields: object = { add_generation_prompt: false }) {
  const messages = [
    { role: "user", content: prompt },
    { role: "assistant", content: partial },
  ];
  return { messages, continue_final_message: true, ...fields };
}

test("an answer is continued where it was, to the letter", async () => {
  const simulator = await startSimulator();
  for (const length of [1, 10, whole.length - 1, whole.length]) {
    const partial = whole.slice(0, length);
    const { text } = await askStream({ simulator, prompt, extra: extra(partial) });
    expect(partial + text).toBe(whole);
  }
});

test("another's answer is continued as many pieces later", async () => {
  const simulator = await startSimulator();
  const { text } = await askStream({ simulator, prompt, extra: extra("Some other beginning") });
  expect(text.length).toBeLessThan(whole.length);
  expect(whole.endsWith(text)).toBe(true);
});

test("a profile that cannot, or is not asked to, begins anew", async () => {
  const simulator = await startSimulator();
  const { messages } = extra("Some");
  const plain = await askStream({ simulator, prompt, extra: { messages } });
  expect(plain.text).toBe(whole);
  const profile = "zhipu";
  const other = await askStream({ simulator, profile, prompt, extra: extra("Some") });
  expect(other.text).toBe(answerFor({ prompt, profile }));
});

test("what vLLM refuses is refused", async () => {
  const simulator = await startSimulator();
  const both = await ask({ simulator, prompt, extra: extra("Some", {}) });
  expect([both.status, await both.text()]).toEqual([400, expect.stringMatching(/cannot both/)]);
  const messages = [{ role: "user", content: prompt }];
  const none = await ask({
    simulator,
    prompt,
    extra: { ...extra(""), add_generation_prompt: false, messages },
  });
  expect(none.status).toBe(400);
});
