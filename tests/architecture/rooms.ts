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
