import { V1Client } from "@openclaw/testing";
import { type Crowd, linger, reconnect, TERMINAL_WITHIN_MS } from "./crowd.ts";
import { judge, judgeBeginning } from "./judge.ts";
import { ask } from "./question.ts";
import type { Random } from "./random.ts";

/** Asks one question after the other; a lost connection ends an answer and is made again. */
export async function v1User(random: Random, crowd: Crowd): Promise<void> {
  const { history, closing, url } = crowd;
  await linger(random.between(0, 3_000), closing);
  while (!closing.aborted) {
    const client = await reconnect(() => V1Client.connect(url()), crowd);
    if (!client) return;
    const stays = random.between(1, 8);
    for (let asked = 0; asked < stays && !closing.aborted && !client.closed; asked += 1) {
      await converse(client, random, crowd);
      if (client.unclaimedSignals > 0) history.violate("two terminals", "v1");
      await linger(random.between(100, 3_000), closing);
    }
    if (random.chance(0.2)) client.terminate();
    else client.close();
  }
}

async function converse(client: V1Client, random: Random, crowd: Crowd): Promise<void> {
  const { history, providers, nextNumber } = crowd;
  const asked = ask(random, { number: nextNumber(), providers });
  const since = performance.now();
  const leaves = random.chance(0.05);
  const sleeps = random.chance(0.1);
  // What an attempt says again behind the curtain takes as long as it did before: no measure of recovery.
  const watched = history.open({ isTelling: false });
  client.onFrame = () => watched.heard();
  try {
    client.say(asked.prompt, asked.provider);
    if (leaves) {
      await linger(random.between(0, 2_000), crowd.closing);
      client.terminate();
    }
    if (sleeps) {
      client.pause();
      await linger(random.between(500, 4_000), crowd.closing);
      client.resume();
    }
    const { text, terminal } = await client.reply(TERMINAL_WITHIN_MS);
    const isBegun = crowd.purchases.hasBegun(asked.prompt);
    judge({ protocol: "v1", since, isBegun, asked, text, terminal }, history);
  } catch {
    if (client.closed) {
      history.note(leaves ? "v1 left" : "v1 connection lost");
      judgeBeginning(client.textSoFar, asked, history);
    } else history.violate("no terminal in time", `v1 ${asked.prompt}`);
  } finally {
    watched.closed();
  }
}
