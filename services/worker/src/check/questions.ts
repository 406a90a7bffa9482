import type { Target } from "@openclaw/config";
import { firstTextOf, meets } from "./judge.ts";
import type { Answer, Temperature } from "./report.ts";

/**
 * Asks, and asks once more where the answer was not good enough: one slow answer is an accident,
 * two are a provider. The better one counts.
 */
export class Questions {
  readonly answers: Partial<Record<Temperature, Answer>> = {};
  asked = 0;
  readonly #ask: (temperature: Temperature) => Promise<Answer>;

  constructor(ask: (temperature: Temperature) => Promise<Answer>) {
    this.#ask = ask;
  }

  /** @throws ProviderError; what was answered before stays */
  async ask(temperature: Temperature, target: Target): Promise<void> {
    const first = await this.#once(temperature);
    this.answers[temperature] = first;
    if (meets(first, target) && first.connection === temperature) return;
    const second = await this.#once(temperature);
    if (isBetter(second, first, temperature)) this.answers[temperature] = second;
  }

  #once(temperature: Temperature): Promise<Answer> {
    this.asked += 1;
    return this.#ask(temperature);
  }
}

function isBetter(one: Answer, other: Answer, temperature: Temperature): boolean {
  const [isRight, wasRight] = [one, other].map(({ connection }) => connection === temperature);
  return isRight === wasRight ? firstTextOf(one) < firstTextOf(other) : isRight === true;
}
