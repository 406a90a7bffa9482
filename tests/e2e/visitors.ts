import { V1Client, V2Client } from "@openclaw/testing";

/** Connects clients, and remembers them until they all leave. */
export class Visitors {
  readonly #url: () => string;
  readonly #clients: { close(): void }[] = [];

  constructor(url: () => string) {
    this.#url = url;
  }

  async v1(): Promise<V1Client> {
    const client = await V1Client.connect(this.#url());
    this.#clients.push(client);
    return client;
  }

  async v2(): Promise<V2Client> {
    const client = await V2Client.connect(this.#url());
    this.#clients.push(client);
    return client;
  }

  leave(): void {
    for (const client of this.#clients.splice(0)) client.close();
  }
}
