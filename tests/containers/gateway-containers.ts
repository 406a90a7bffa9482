/** The product's images on a network of their own, beside whichever Redis a test brings. */
import { answerFor, directive } from "@openclaw/simulator";
import { V1Client } from "@openclaw/testing";
import {
  GenericContainer,
  getContainerRuntimeClient,
  type StartedTestContainer,
  Wait,
} from "testcontainers";
import { docker, TEST_LABEL, TEST_TAG } from "./docker.ts";

const EDGE_PORT = 8001;
const SIMULATOR_PORT = 8009;

/** Where containers of one test find each other by name. */
export class TestNetwork {
  readonly name: string;
  readonly #labels: Record<string, string>;

  private constructor(name: string, labels: Record<string, string>) {
    this.name = name;
    this.#labels = labels;
  }

  static async create(session: string, name: string): Promise<TestNetwork> {
    const network = new TestNetwork(`${session}-${name}`, { [TEST_LABEL]: session });
    await docker("network", "create", "--label", `${TEST_LABEL}=${session}`, network.name);
    return network;
  }

  /** A container, not started yet, that the others find as `alias`. */
  container(image: string, alias: string): GenericContainer {
    return new GenericContainer(image)
      .withNetworkMode(this.name)
      .withNetworkAliases(alias)
      .withLabels(this.#labels);
  }

  /** Takes a container off the network, without closing its connections. */
  async cut({ container }: { container: StartedTestContainer }): Promise<void> {
    const { container: client } = await getContainerRuntimeClient();
    await client.dockerode
      .getNetwork(this.name)
      .disconnect({ Container: container.getId(), Force: true });
  }

  async join({ container, alias }: { container: StartedTestContainer; alias: string }) {
    const { container: client } = await getContainerRuntimeClient();
    await client.dockerode
      .getNetwork(this.name)
      .connect({ Container: container.getId(), EndpointConfig: { Aliases: [alias] } });
  }

  async remove(): Promise<void> {
    await docker("network", "rm", this.name);
  }
}

export class GatewayContainers {
  readonly #edges: StartedTestContainer[] = [];
  readonly #others: StartedTestContainer[] = [];
  #turn = 0;

  /** Two edges, two workers and the simulator, all ready. @param env of every edge and worker */
  static async start(
    network: TestNetwork,
    env: Readonly<Record<string, string>>,
  ): Promise<GatewayContainers> {
    const gateway = new GatewayContainers();
    try {
      await gateway.#start(network, {
        GATEWAY_SIMULATOR_URL: `http://simulator:${SIMULATOR_PORT}`,
        ...env,
      });
    } catch (error) {
      await gateway.stop();
      throw error;
    }
    return gateway;
  }

  /** Of one edge after the other. */
  get host(): string {
    this.#turn += 1;
    const edge = this.#edges[this.#turn % this.#edges.length];
    return `127.0.0.1:${edge?.getMappedPort(EDGE_PORT)}`;
  }

  /** Asks the next edge, and judges the answer. @returns how it ended, or "wrong text" */
  async ask(seed: number): Promise<string> {
    const client = await V1Client.connect(`ws://${this.host}/ws/stream`);
    const prompt = directive({ words: 10, gapMs: 20, seed });
    const { text, terminal } = await client.ask(prompt, "zhipu");
    client.close();
    if (terminal.type !== "done") return terminal.code ?? terminal.type;
    return text === answerFor({ prompt, profile: "zhipu" }) ? "done" : "wrong text";
  }

  /** When each edge and worker began to run: other times after a restart. */
  async startTimes(): Promise<string[]> {
    const ids = [...this.#edges, ...this.#others].map((container) => container.getId());
    return (await docker("inspect", "--format", "{{.State.StartedAt}}", ...ids)).split("\n");
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#edges, ...this.#others].map((one) => one.stop({ timeout: 0 })));
  }

  async #start(network: TestNetwork, env: Readonly<Record<string, string>>): Promise<void> {
    const image = (name: string) => network.container(`openclaw/${name}:${TEST_TAG}`, name);
    const edge = () =>
      image("edge")
        .withEnvironment(env)
        .withExposedPorts(EDGE_PORT)
        .withWaitStrategy(Wait.forHttp("/health", EDGE_PORT).forStatusCode(200));
    const ready = () => Wait.forLogMessage(/"msg":"ready"/);
    const worker = () => image("worker").withEnvironment(env).withWaitStrategy(ready());
    const started = await Promise.allSettled([
      ...[edge(), edge()].map(async (one) => this.#edges.push(await one.start())),
      ...[worker(), worker(), image("simulator").withWaitStrategy(ready())].map(async (one) =>
        this.#others.push(await one.start()),
      ),
    ]);
    const failed = started.find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
  }
}
