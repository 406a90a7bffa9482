import type { ErrorCode } from "@openclaw/protocol";
import { describe, expect, it } from "vitest";
import { client, collect, errorOf, leaked, provider, rawProvider } from "../testing/asking.ts";
import { beginStream, frame } from "../testing/fake-provider.ts";
import type { ProviderEvent } from "./contract/provider-event.ts";

describe("failures name the provider and tell nothing of what it said", () => {
  const secrets = "key-1 secret prompt secret answer";
  const refusals: Readonly<Record<string, readonly [number, string, ErrorCode, string]>> = {
    key: [401, secrets, "provider_auth", "fake refused the gateway's API key (HTTP 401)."],
    rate: [
      429,
      JSON.stringify({ error: { code: "rate_limit_exceeded", message: secrets } }),
      "provider_rate_limited",
      "fake is limiting the rate of requests (HTTP 429, code rate_limit_exceeded).",
    ],
    length: [
      400,
      JSON.stringify({ error: { message: `maximum context length ${secrets}` } }),
      "context_length_exceeded",
      "fake: The conversation is too long for the model (HTTP 400).",
    ],
    queued: [202, "", "provider_overloaded", "fake is overloaded (HTTP 202)."],
    page: [502, `<html>${secrets}</html>`, "provider_error", "fake failed to answer (HTTP 502)."],
    huge: [503, "x".repeat(1_000_000), "provider_overloaded", "fake is overloaded (HTTP 503)."],
  };
  for (const [fact, [status, body, code, message]] of Object.entries(refusals)) {
    it(`refused: ${fact}`, async () => {
      const fake = await provider((_request, response) => response.writeHead(status).end(body));
      const error = await errorOf(collect(await client(fake.url)));
      expect(error).toMatchObject({ code, message, status, connection: "cold" });
      expect(error.failure).toMatchObject({ code, message });
      expect(leaked(error)).not.toMatch(/secret|key-1/);
    });
  }

  it("refuses without the body when the body does not end", async () => {
    const fake = await provider((_request, response) => response.writeHead(500).write("{"));
    const startedAt = performance.now();
    expect(await errorOf(collect(await client(fake.url)))).toMatchObject({
      code: "provider_error",
    });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it("reads an error that comes first in a stream of status 200", async () => {
    const fake = await provider((_request, response) => {
      const error = { message: `ResourceExhausted: ${secrets}`, code: 500 };
      beginStream(response, `data: ${JSON.stringify({ error })}\n\ndata: [DONE]\n\n`);
      response.end();
    });
    const error = await errorOf(collect(await client(fake.url, { kind: "nvidia" })));
    expect(error).toMatchObject({ code: "provider_overloaded", status: 200, connection: "cold" });
    expect(leaked(error)).not.toMatch(/secret|key-1/);
  });

  it("calls an answer without a finish cut, whether it ends or is reset", async () => {
    const fake = await provider((request, response) => {
      beginStream(response, frame({ content: "secret answer" }));
      if (request.url === "/v1/chat/completions") response.end();
      else setImmediate(() => response.socket?.resetAndDestroy());
    });
    const ended = await errorOf(collect(await client(fake.url)));
    const reset = await errorOf(collect(await client(`${fake.url}/other`)));
    for (const error of [ended, reset]) {
      expect(error).toMatchObject({ code: "provider_cut", connection: "cold" });
      expect(leaked(error)).not.toMatch(/secret|key-1/);
    }
  });

  it("calls what is not HTTP malformed, and keeps none of it", async () => {
    const fake = await rawProvider((socket) => {
      socket.on("data", () => socket.write("secret answer\r\n\r\n"));
    });
    const error = await errorOf(collect(await client(fake.url)));
    expect(error.code).toBe("provider_malformed");
    expect(leaked(error)).not.toMatch(/secret/);
  });
});

describe("an answer that goes wrong after some text keeps the text and ends in one error", () => {
  const hi = frame({ content: "Hi" });
  const rest = [frame({ content: "!" }), frame({}, "stop"), "data: [DONE]\n\n"].join("");
  const error = 'data: {"error":{"message":"x","code":503}}\n\n';
  const half = frame({ content: " there" }).slice(0, -20);
  type Break = (response: Parameters<typeof beginStream>[0]) => unknown;
  const end =
    (bytes: string): Break =>
    (response) =>
      response.end(bytes);
  /** The client has read everything before the connection closes. */
  const close =
    (how: "destroy" | "resetAndDestroy", bytes = ""): Break =>
    (response) => {
      response.write(bytes);
      setTimeout(() => response.socket?.[how](), 20);
    };
  const breaks: Readonly<Record<string, readonly [Break, ErrorCode]>> = {
    "closed in the middle": [close("destroy"), "provider_cut"],
    "reset in the middle": [close("resetAndDestroy"), "provider_cut"],
    "closed inside a frame": [close("destroy", half), "provider_cut"],
    "ended inside a frame": [end(half), "provider_cut"],
    "ended without a finish": [end(""), "provider_cut"],
    "ended by [DONE] alone": [end("data: [DONE]\n\n"), "provider_cut"],
    "an error frame and [DONE]": [end(`${error}data: [DONE]\n\n`), "provider_overloaded"],
    "an error frame alone": [end(error), "provider_overloaded"],
    "an error frame without its empty line": [end(error.trimEnd()), "provider_overloaded"],
    "broken JSON before the rest": [end(`${half}\n\n${rest}`), "provider_malformed"],
    "bytes that are no SSE before the rest": [
      end(`\u0000\u0007 oops\n\n${rest}`),
      "provider_malformed",
    ],
    "a page before the rest": [end(`<html>busy</html>\n\n${rest}`), "provider_malformed"],
    "a line of 4 MiB before the rest": [
      end(frame({ content: "x".repeat(4 * 1024 * 1024) }) + rest),
      "provider_malformed",
    ],
  };
  for (const [fact, [breakOff, code]] of Object.entries(breaks)) {
    it(fact, async () => {
      const fake = await provider((_request, response) => {
        beginStream(response, hi);
        breakOff(response);
      });
      const events: ProviderEvent[] = [];
      const run = collect(await client(fake.url), undefined, events);
      expect((await errorOf(run)).code).toBe(code);
      expect(events.slice(1)).toEqual([{ type: "text", text: "Hi" }]);
      expect(fake.accepted).toHaveLength(1);
    });
  }

  it("a response that is an answer byte by byte is the same answer", async () => {
    const bytes = Buffer.from(`: ping\n\n${frame({ content: "静夜🌙" })}${rest}`);
    const fake = await provider(async (_request, response) => {
      beginStream(response);
      for (const byte of bytes) {
        await new Promise((resolve) => response.write(Buffer.of(byte), resolve));
      }
      response.end();
    });
    const events = await collect(await client(fake.url));
    expect(events.map((event) => (event.type === "text" ? event.text : "")).join("")).toBe(
      "静夜🌙!",
    );
  });
});
