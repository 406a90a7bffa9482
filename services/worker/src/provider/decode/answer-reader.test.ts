import type { ProviderKind } from "@openclaw/config";
import type { ErrorCode } from "@openclaw/protocol";
import { describe, expect, it } from "vitest";
import { chunk, DONE, frame, readAnswer } from "../../testing/read-answer.ts";

const read = (pieces: readonly (string | Uint8Array)[], kind: ProviderKind = "openai") =>
  readAnswer(pieces, { kind });
const stop = chunk({}, { finish_reason: "stop" });
const finished = (finish: string, usage?: object) => ({
  type: "finished",
  finish,
  usage,
  model: "m",
});
const USAGE = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };
const READ_USAGE = { inputTokens: 3, outputTokens: 5 };

describe("the shapes of each provider", () => {
  it("reads OpenAI: role first, finish alone, usage in a chunk of its own", () => {
    const body = [
      chunk({ role: "assistant", content: "" }, { finish_reason: null }, { usage: null }),
      chunk({ content: "He" }, { finish_reason: null }, { usage: null }),
      chunk({ content: "llo" }, { finish_reason: null }, { usage: null }),
      chunk({}, { finish_reason: "stop" }, { usage: null }),
      frame({ id: "1", model: "m", choices: [], usage: USAGE }),
      DONE,
    ];
    expect(read(body)).toMatchObject({ text: "Hello", last: finished("stop", READ_USAGE) });
  });

  it("reads NVIDIA: content null, role null, usage growing in every chunk", () => {
    const usage = (n: number) => ({ usage: { prompt_tokens: 3, completion_tokens: n } });
    const body = [
      chunk(
        { role: "assistant", content: null },
        { finish_reason: null, logprobs: null },
        usage(0),
      ),
      chunk({ role: null, reasoning_content: "hm" }, { finish_reason: null }, usage(2)),
      chunk({ role: null, content: "Hi" }, { finish_reason: null, stop_reason: null }, usage(4)),
      chunk({ role: null, content: null }, { finish_reason: "stop" }, usage(5)),
      DONE,
    ];
    expect(read(body, "nvidia")).toMatchObject({
      text: "Hi",
      reasoning: "hm",
      last: finished("stop", READ_USAGE),
    });
  });

  it("reads gpt-oss hosts: thinking under `reasoning`", () => {
    const body = [chunk({ reasoning: "so" }), chunk({ content: "Hi" }), stop, DONE];
    expect(read(body, "nvidia")).toMatchObject({ text: "Hi", reasoning: "so" });
  });

  it("reads Zhipu: text at once, role in every chunk, all the rest merged into the last", () => {
    const role = "assistant";
    const body = [
      chunk({ role, content: "", reasoning_content: "\n" }),
      chunk({ role, content: "你", reasoning_content: "" }, {}, { request_id: "r" }),
      chunk({ role, content: "好" }),
      chunk({ role, content: "" }, { finish_reason: "stop" }, { usage: USAGE }),
      DONE,
    ];
    expect(read(body, "zhipu")).toMatchObject({
      text: "你好",
      reasoning: "\n",
      last: finished("stop", READ_USAGE),
    });
  });

  it("reads Tencent: notes on every chunk, an empty finish reason, no end marker", () => {
    const extra = { note: "generated", search_info: { search_results: [] } };
    const body = [
      chunk({ role: "assistant", content: "A" }, { finish_reason: "" }, extra),
      chunk({ role: "assistant", content: "B" }, { finish_reason: "" }, extra),
      chunk({ role: "assistant", content: "" }, { finish_reason: "stop" }, extra),
    ];
    expect(read(body, "tencent")).toMatchObject({ text: "AB", last: finished("stop") });
  });

  it("reads a whole completion where a stream was asked for", () => {
    const message = { role: "assistant", content: "Hi", reasoning_content: "hm" };
    const json = { model: "m", choices: [{ message, finish_reason: "stop" }], usage: USAGE };
    const body = JSON.stringify(json, undefined, 2);
    expect(read([" \n", body.slice(0, 9), body.slice(9)])).toMatchObject({
      text: "Hi",
      reasoning: "hm",
      last: finished("stop", READ_USAGE),
    });
  });
});

describe("how an answer ends", () => {
  const hi = chunk({ content: "Hi" });
  const finish = (reason: string) => chunk({}, { finish_reason: reason });
  const ends: Readonly<Record<string, readonly [readonly string[], string]>> = {
    "stops where the provider stopped": [[hi, stop, DONE], "stop"],
    "is complete without the end marker": [[hi, stop], "stop"],
    "is complete when the last frame has no empty line": [[hi, stop.trimEnd()], "stop"],
    "ignores what follows the end marker": [[hi, stop, DONE + chunk({ content: "!" })], "stop"],
    "ignores a page behind the end marker": [[hi, stop, `${DONE}<html>busy</html>\n\n`], "stop"],
    "reads the end marker without its line end": [[hi, stop, "data:[DONE]"], "stop"],
    "takes text for the answer where calls were announced and none came": [
      [hi, finish("function_call"), DONE],
      "stop",
    ],
    "maps Zhipu's filter": [[hi, finish("sensitive"), DONE], "content_filter"],
    "calls a full context a length": [[hi, finish("model_context_window_exceeded")], "length"],
    "takes an unknown reason for the provider's own end": [[hi, finish("eos_token")], "stop"],
    "ignores keep-alive objects and empty data": [[frame({}), "data:\n\n", hi, stop], "stop"],
    "ignores a broken frame after the finish": [[hi, stop, 'data: {"usa'], "stop"],
  };
  for (const [fact, [body, reason]] of Object.entries(ends)) {
    it(fact, () => {
      expect(read(body)).toMatchObject({ text: "Hi", last: finished(reason) });
    });
  }

  const failures: Readonly<Record<string, readonly [readonly string[], ErrorCode]>> = {
    "is cut without a finish reason": [[hi], "provider_cut"],
    "is cut inside a frame": [[hi, 'data: {"choices":[{"delta":{"con'], "provider_cut"],
    "is cut when the body is empty": [[], "provider_cut"],
    "is cut with an end marker but no finish reason": [[hi, DONE], "provider_cut"],
    "is cut by a network error behind the provider": [
      [hi, finish("network_error")],
      "provider_cut",
    ],
    "fails on a network error before any text": [[finish("network_error")], "provider_error"],
    "is cut by an unknown reason that speaks of failure": [[hi, finish("aborted")], "provider_cut"],
    "is empty without text": [[chunk({ content: "" }), stop, DONE], "provider_empty"],
    "is empty with nothing but an end marker": [[DONE], "provider_empty"],
    "is filtered when the filter left nothing": [[finish("sensitive")], "content_filtered"],
    "was too long when the context left nothing": [
      [finish("model_context_window_exceeded")],
      "context_length_exceeded",
    ],
    "is malformed when a frame is not JSON": [[hi, "data: {oops\n\n"], "provider_malformed"],
    "is malformed when a frame is no object": [[hi, "data: 42\n\n"], "provider_malformed"],
    "is malformed when two frames are spliced": [
      [hi, `data: {"id":"1","choices":[{"delta":{"content":"par${hi}`],
      "provider_malformed",
    ],
    "is malformed when it is a page": [["<html>busy</html>"], "provider_malformed"],
    "is malformed when its JSON is": [["{oops}"], "provider_malformed"],
    "is cut when its JSON is": [['{"choices":[{"message":{"con'], "provider_cut"],
  };
  for (const [fact, [body, code]] of Object.entries(failures)) {
    it(fact, () => expect(read(body).last).toBe(code));
  }

  it("is not empty when there was only thinking", () => {
    expect(read([chunk({ reasoning_content: "hm" }), stop])).toMatchObject({
      reasoning: "hm",
      last: finished("stop"),
    });
  });
});

describe("errors inside a response of status 200", () => {
  const error = (message: string, rest: object = {}) => ({ error: { message, ...rest } });
  const full = "ResourceExhausted: Worker local total request limit reached (16/16)";
  const cases: Readonly<Record<string, readonly [ProviderKind, string, ErrorCode]>> = {
    "NVIDIA's full worker": ["nvidia", frame(error(full, { code: 500 })), "provider_overloaded"],
    "NVIDIA's problem JSON": [
      "nvidia",
      frame({ status: 429, title: "Too Many Requests" }),
      "provider_rate_limited",
    ],
    "vLLM's object": [
      "nvidia",
      frame({ object: "error", message: "bad", code: 400 }),
      "provider_rejected",
    ],
    "Zhipu's named event": [
      "zhipu",
      `event: error\n${frame({ ...error("x", { code: "1302" }), request_id: "r" })}`,
      "provider_rate_limited",
    ],
    "Zhipu's plain object": [
      "zhipu",
      JSON.stringify({ code: 1113, success: false, msg: "x" }),
      "provider_quota",
    ],
    "TokenHub's envelope": [
      "tencent",
      frame(error("rpm", { code: "429001" })),
      "provider_rate_limited",
    ],
    "legacy Hunyuan before the stream": [
      "tencent",
      '{"Response":{"Error":{"Code":"AuthFailure.SecretIdNotFound","Message":"x"}}}',
      "provider_auth",
    ],
    "legacy Hunyuan inside the stream": [
      "tencent",
      frame({ ErrorMsg: { Msg: "x", Code: 4001 } }),
      "provider_error",
    ],
    "a bare string": ["openai", frame({ error: "overloaded" }), "provider_overloaded"],
    "an error event that is not JSON": ["openai", "event: error\ndata: oops\n\n", "provider_error"],
  };
  for (const [fact, [kind, body, code]] of Object.entries(cases)) {
    it(`recognises ${fact}`, () => {
      expect(read([body], kind).last).toBe(code);
      const late = read(
        [chunk({ content: "Hi" }), body.startsWith("{") ? frame(JSON.parse(body)) : body],
        kind,
      );
      expect(late).toMatchObject({ text: "Hi", last: code });
    });
  }

  it("gives the text that came in the same bytes before the error", () => {
    expect(read([chunk({ content: "Hi" }) + frame(error("x"))])).toMatchObject({ text: "Hi" });
  });

  it("tells nothing of the provider's message", () => {
    const { message } = read([frame(error("secret prompt", { code: "secret", type: "secret" }))]);
    expect(message).toBe("openai failed to answer.");
  });
});

describe("any cut of the bytes gives the same answer", () => {
  it("with text beyond the BMP, split inside its bytes and between its surrogates", () => {
    const moon = '\\ud83c"}}]}\n\ndata: {"choices":[{"delta":{"content":"\\udf19';
    const whole = Buffer.from(
      `: ping\n\n${chunk({ content: "静夜思🌙" })}data: {"choices":[{"delta":{"content":"${moon}"}}]}\n\n${stop}${DONE}`,
    );
    for (let at = 0; at <= whole.length; at += 1) {
      expect(read([whole.subarray(0, at), whole.subarray(at)])).toMatchObject({
        text: "静夜思🌙🌙",
        last: finished("stop"),
      });
    }
  });

  it("refuses a JSON body over 1 MiB", () => {
    const piece = `{"a":"${"x".repeat(600_000)}`;
    expect(read([piece, piece]).last).toBe("provider_malformed");
  });
});
