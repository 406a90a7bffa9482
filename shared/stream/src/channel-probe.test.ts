import type { RedisClient } from "@openclaw/runtime";
import { expect, test } from "vitest";
import { ChannelProbe } from "./channel-probe.ts";

/** A cluster that answers when it is told to. */
function cluster() {
  const answers: ((listeners: number) => void)[] = [];
  const spublish = () => new Promise<number>((resolve) => answers.push(resolve));
  // As much of a client as a probe asks of it.
  const commands = { isCluster: true, spublish } as unknown as RedisClient;
  const probe = new ChannelProbe("c", commands);
  const send = (beforeAnswer: () => void) => {
    const sent = probe.send();
    beforeAnswer();
    answers.shift()?.(1);
    return sent;
  };
  return { probe, send };
}

test("an echo that overtakes the answer to its probe leaves nothing missed", async () => {
  const { probe, send } = cluster();
  await send(() => probe.echo());
  await send(() => undefined);
  expect(probe.isHeard).toBe(true);
  probe.echo();
});

test("two probes that Redis sent without an echo: it is not heard, and dead unless known to be deaf", async () => {
  const { probe, send } = cluster();
  await send(() => undefined);
  await send(() => undefined);
  expect([probe.isHeard, probe.isDead]).toEqual([false, true]);
  probe.deafen();
  expect(probe.isDead).toBe(false);
  expect([probe.echo(), probe.isHeard]).toEqual([true, true]);
});
