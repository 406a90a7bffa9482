/** A folder of a service, and what one finds there. */
export interface Room {
  /** Below `src`. */
  readonly path: string;
  readonly holds: string;
}

/**
 * The rooms of each service, from the lowest to the highest. A file imports from its own room and from rooms above it
 * in this list. Files beside the rooms put the service together; no room imports those.
 */
export const ROOMS: Readonly<Record<string, readonly Room[]>> = {
  "services/edge": [
    {
      path: "socket",
      holds: "uWebSockets.js: the port, its WebSocket connections, their addresses",
    },
    { path: "answers", holds: "what a client is sent of a run: v1, v2, chat completions, events" },
    { path: "runs", holds: "runs that are open here: their readers, deadlines, look-up and end" },
    { path: "telemetry", holds: "metrics, statistics, traces and log lines of runs" },
    {
      path: "cluster",
      holds: "what this edge knows of the other nodes; overdue runs; places in line",
    },
    {
      path: "admission",
      holds: "a request is checked, gets its providers, and is submitted or refused",
    },
    { path: "session", holds: "frames of one WebSocket connection: v1 and v2" },
    {
      path: "http/exchange",
      holds: "one HTTP request and its response: body, errors, CORS, the gate",
    },
    { path: "http/openapi", holds: "the OpenAPI document" },
    { path: "http/routes", holds: "the HTTP routes, a group a file" },
    { path: "testing", holds: "fixtures of this service's tests" },
  ],
  "services/worker": [
    {
      path: "provider/contract",
      holds: "the events of an answer and the errors of a provider",
    },
    { path: "telemetry", holds: "metrics, counts and clocks of attempts and of their requests" },
    { path: "provider/transport", holds: "warm sockets, proxies, compression, one HTTP request" },
    { path: "provider/refusals", holds: "the meaning of a refusal: its status, codes and words" },
    { path: "provider/dialects", holds: "where a kind of provider differs from OpenAI's API" },
    { path: "provider/decode", holds: "from the bytes of an answer to its events" },
    {
      path: "provider/health",
      holds: "circuit breaker, refused accounts, what to do about each failure",
    },
    { path: "provider", holds: "one provider's client: a request in, events out" },
    { path: "tracing", holds: "the spans of a job and of its requests" },
    { path: "run", holds: "the story of one attempt: claim, relay, fail over, hedge" },
    { path: "intake", holds: "the providers that this worker serves, and their queues" },
    { path: "check", holds: "`npm run providers`" },
    { path: "testing", holds: "fixtures of this service's tests" },
  ],
};

/** The packages that services share, in the same order: a package imports only those above it. */
export const PACKAGES: readonly Room[] = [
  { path: "protocol", holds: "what clients and the gateway say: v1, v2, HTTP, errors, limits" },
  {
    path: "runtime",
    holds: "what every process needs: life cycle, logs, Redis, registry, retries",
  },
  { path: "config", holds: "`gateway.config.json` and the environment: schemas, loading, changes" },
  { path: "metrics", holds: "the catalogue of metrics, and what counts them" },
  { path: "tracing", holds: "OpenTelemetry spans; loaded only when traces are on" },
  {
    path: "stream",
    holds: "a run's log in Redis: fenced append, publish, follow; scripts in lua/",
  },
  { path: "queue", holds: "BullMQ: jobs, leases, limits of accounts, builds that leave" },
  { path: "client", holds: "the SDK `@openclaw/client`, which imports no other package" },
  { path: "testing", holds: "fixtures of all tests: clusters, clients, faulty networks" },
];

/** The small services, below `services`. Their folders have no order. */
export const SMALL_SERVICES: readonly Room[] = [
  { path: "simulator/src", holds: "an LLM provider for tests: one request, its plan, its stream" },
  { path: "simulator/src/profiles", holds: "the wire shapes of NVIDIA, Zhipu, Tencent and OpenAI" },
  { path: "simulator/src/faults", holds: "faults of one request or of all" },
  { path: "simulator/src/quirks", holds: "odd shapes that any profile takes on when asked" },
  { path: "simulator/src/text", holds: "generated text, the same for the same seed" },
  { path: "simulator/src/tools", holds: "calls of a request's tools" },
  { path: "simulator/src/tls", holds: "TLS with a certificate of its own" },
  { path: "simulator/src/testing", holds: "fixtures of this service's tests" },
  {
    path: "launcher/src",
    holds: "`npm start`: checks the machine, starts Redis, workers and edges",
  },
  { path: "launcher/src/testing", holds: "fixtures of this service's tests" },
  { path: "chat/src", holds: "`npm run chat`: a chat in the terminal, on the SDK" },
];
