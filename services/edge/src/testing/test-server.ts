/** An edge over HTTP without a cluster behind it, on a port of its own. */
import { createLogger } from "@openclaw/runtime";
import { ByteBudget } from "../admission/byte-budget.ts";
import { ClientKeys } from "../admission/client-keys.ts";
import { type OriginRules, Origins } from "../admission/origins.ts";
import { refuseUpgrade } from "../http/exchange/api-error.ts";
import { Gate } from "../http/exchange/gate.ts";
import { HttpExchanges } from "../http/exchange/http-exchanges.ts";
import { HttpRoutes } from "../http/routes/http-routes.ts";
import { ModelsRoutes } from "../http/routes/models-routes.ts";
import { OpenApiRoutes } from "../http/routes/openapi-routes.ts";
import { StatsRoutes } from "../http/routes/stats-routes.ts";
import { AddressLimit } from "../socket/address-limit.ts";
import { ClientAddresses, networksOf } from "../socket/client-address.ts";
import type { Connection } from "../socket/connection.ts";
import { boundSockets, type Descriptors } from "../socket/descriptors.ts";
import { SocketServer } from "../socket/socket-server.ts";
import { uws } from "../socket/uws.ts";

export interface TestServerOptions {
  readonly keys?: readonly string[];
  readonly origins?: Partial<OriginRules>;
  readonly perAddress?: number;
  readonly descriptors?: Descriptors;
}

export class TestServer {
  readonly #app = uws.App();
  readonly port: number;
  readonly connections = new Set<Connection>();
  /** The codes of all refusals. */
  readonly refused: string[] = [];
  /** Pings and pongs of all clients. */
  controls = 0;
  readStats: () => Promise<unknown> = async () => ({});
  /** Notes that `/health` shows. */
  notes: string[] = [];

  private constructor({ keys = [], origins = {}, perAddress, descriptors }: TestServerOptions) {
    const log = createLogger({ service: "test", level: "silent" });
    const clientKeys = new ClientKeys(keys);
    const rules = { publicUrl: undefined, allowed: [], listenHost: "127.0.0.1", ...origins };
    const gate = new Gate(new Origins({ hasKeys: keys.length > 0, ...rules }));
    const onRefused = ({ code }: { code: string }) => void this.refused.push(code);
    const slow = { slowConsumerMs: 1_000, onSlowConsumer: () => undefined };
    const exchanges = new HttpExchanges({
      gate,
      onRefused,
      maxOpen: 100,
      keepAliveAfterMs: 1_000,
      inbound: new ByteBudget(1_000_000),
      ...slow,
    });
    const options = { exchanges, log, clientKeys, admission: { refused: onRefused } };
    const gateway = { current: { providers: {}, groups: {}, models: {}, defaultProvider: "" } };
    if (descriptors) boundSockets(this.#app, descriptors);
    const sockets = new SocketServer({
      ...slow,
      log,
      gate,
      clientKeys,
      maxFrameBytes: { v1: 1_000, v2: 2_000 },
      addresses: new ClientAddresses(networksOf("loopback") ?? []),
      addressLimit: new AddressLimit(perAddress),
      refusal: () => undefined,
      onRefused,
      writeRefusal: refuseUpgrade,
      onConnection: (connection) => {
        this.connections.add(connection);
        return {
          onText: () => connection.send(connection.session),
          onBinary: () => undefined,
          onControl: () => {
            this.controls += 1;
            if (this.controls > 1_000) connection.end(1008, "a flood");
          },
          onClose: () => this.connections.delete(connection),
        };
      },
    });
    const routes = new HttpRoutes({
      exchanges,
      troubles: () => [],
      notes: () => this.notes,
      groups: [
        // The routes use no other part of the configuration.
        new ModelsRoutes({ ...options, gateway: gateway as never }),
        new OpenApiRoutes(options),
        new StatsRoutes({ ...options, readStats: () => this.readStats() }),
      ],
    });
    sockets.serve(this.#app);
    routes.serve(this.#app);
    let port = 0;
    // The callback is called before `listen` returns.
    this.#app.listen("127.0.0.1", 0, (token) => {
      port = token ? uws.us_socket_local_port(token) : 0;
    });
    this.port = port;
  }

  static async open(options: TestServerOptions): Promise<TestServer> {
    return new TestServer(options);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  close(): void {
    this.#app.close();
  }
}
