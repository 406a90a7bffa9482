import diagnostics from "node:diagnostics_channel";
import { expect, it, onTestFinished } from "vitest";
import { until } from "../testing/fake-provider.ts";
import { rehearse } from "./rehearsal.ts";

const tcp = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP"));

it("asks some times over loopback alone, says nothing and leaves nothing open", async () => {
  const asked: string[] = [];
  const onRequest = (message: unknown) => {
    const { request } = message as { request: { origin: string } };
    asked.push(new URL(request.origin).hostname);
  };
  diagnostics.subscribe("undici:request:create", onRequest);
  onTestFinished(() => void diagnostics.unsubscribe("undici:request:create", onRequest));
  const lines: unknown[] = [];
  const write = (fields: unknown) => void lines.push(fields);
  const before = tcp();
  await rehearse({ info: write, warn: write, error: write });
  expect(asked.length).toBeGreaterThan(1);
  expect(new Set(asked)).toEqual(new Set(["127.0.0.1"]));
  expect(lines).toEqual([]);
  await until(() => tcp().length <= before.length);
});
