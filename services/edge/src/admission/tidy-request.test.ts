import { expect, test } from "vitest";
import { parseChatRequest } from "./parse-request.ts";

/** The messages of a request as a run has them. */
function messagesOf(...messages: readonly object[]): unknown {
  const body = Buffer.from(JSON.stringify({ model: "m", messages }));
  const parsed = parseChatRequest(body, { maxMessageBytes: 10_000 });
  return parsed.ok ? parsed.request.messages : parsed;
}

const assistant = (fields: object) => ({ role: "assistant", ...fields });
const user = { role: "user", content: "hi" };

test("a refusal that a client sends back becomes the text of the assistant", () => {
  const said = assistant({ content: "No." });
  const part = [{ type: "text", text: "No." }];
  const forms = [
    { content: null, refusal: "No." },
    { content: "", refusal: "No." },
    { refusal: "No." },
  ];
  for (const form of forms)
    expect(messagesOf(user, assistant(form), user)).toEqual([user, said, user]);
  const inParts = assistant({ content: [{ type: "refusal", refusal: "No." }] });
  expect(messagesOf(inParts)).toEqual([assistant({ content: part })]);
});

test("a refusal beside text is left out, as is the refusal of a user", () => {
  const both = assistant({ content: "Well.", refusal: "No." });
  const none = assistant({ content: "Well.", refusal: null });
  expect(messagesOf(both, none)).toEqual(Array(2).fill(assistant({ content: "Well." })));
  expect(messagesOf({ ...user, refusal: "No." })).toEqual([user]);
});
