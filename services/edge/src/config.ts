import {
  adminEnv,
  clusterEnvShape,
  isPlaceholder,
  PLACEHOLDER_RULE,
  readSettings,
  type Settings,
  wholeNumber,
} from "@openclaw/config";
import { z } from "zod";
import { originOf } from "./admission/origins.ts";
import { networksOf } from "./socket/client-address.ts";

const MIN_KEY_LENGTH = 16;
const KEY_RULE = `each key must have at least ${MIN_KEY_LENGTH} characters`;
const BLANK_RULE =
  "a key is blank; name keys with one comma between them, or leave the variable empty to serve every client";
const ORIGIN_RULE =
  "must be `*`, or origins such as https://app.example.com with one comma between them, without a path";
const PROXY_RULE =
  "must be `none`, or `loopback`, `private`, addresses or networks such as 203.0.113.0/24 with one comma between them";
const URL_RULE = "must be a URL such as https://gateway.example.com";

const listSchema = z
  .string()
  .optional()
  .transform((text) => text?.split(",").map((part) => part.trim()) ?? []);

const keySchema = z
  .string()
  .refine((key) => key !== "", BLANK_RULE)
  .refine((key) => key === "" || key.length >= MIN_KEY_LENGTH, KEY_RULE)
  .refine((key) => !isPlaceholder(key), `a key ${PLACEHOLDER_RULE}`);

const originSchema = z.string().transform((text, problems) => {
  const origin = originOf(text);
  if (origin === undefined) problems.addIssue(ORIGIN_RULE);
  return origin ?? "";
});

/** Networks as `ClientAddresses` takes them. */
const proxiesSchema = z.string().transform((text, problems) => {
  if (text.trim().toLowerCase() === "none") return [];
  return text.split(",").flatMap((part) => {
    const networks = networksOf(part.trim());
    if (networks === undefined) problems.addIssue(PROXY_RULE);
    return networks ?? [];
  });
});

const MIB = 1024 * 1024;

export const edgeEnvSchema = z.object({
  ...clusterEnvShape,
  EDGE_HOST: z.string().default("127.0.0.1").describe("Address to listen on."),
  EDGE_PORT: wholeNumber({ min: 1, max: 65_535, default: 8001 }).describe(
    "Port to listen on; several edges of one machine share it.",
  ),
  EDGE_API_KEYS: listSchema
    .pipe(z.array(keySchema))
    .describe(
      "Keys that clients must show, separated by commas, each of at least 16 characters: as `Authorization: Bearer KEY`, or as `?api_key=KEY` where a browser opens a WebSocket. Without any, every program that reaches the gateway and sends no `Origin` is served, and the web pages of `EDGE_PUBLIC_URL` and `EDGE_ALLOWED_ORIGINS`. A blank key is refused.",
    ),
  EDGE_PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: URL_RULE })
    .optional()
    .describe(
      "Where clients reach the gateway, such as `https://gateway.example.com`. Web pages of that origin, and those of loopback addresses, may use it.",
    ),
  EDGE_ALLOWED_ORIGINS: listSchema
    .pipe(z.array(originSchema))
    .describe(
      "Other web pages that may use the gateway, by their origins, separated by commas, such as `https://app.example.com`; `*` for all. Most programs send no `Origin` and need none. Libraries that send an `Origin` are judged like pages.",
    ),
  EDGE_MAX_MESSAGE_BYTES: wholeNumber({ min: 1, max: 1_048_576, default: 32_768 }).describe(
    "Longest message of a user, in UTF-8 bytes.",
  ),
  EDGE_MAX_CONVERSATION_BYTES: wholeNumber({ min: 1, max: 8_388_608, default: 524_288 }).describe(
    "Longest conversation in one request of protocol v2 or over HTTP, in UTF-8 bytes.",
  ),
  EDGE_MAX_RUNS_PER_CONNECTION: wholeNumber({ min: 1, max: 10_000, default: 32 }).describe(
    "Most runs open at once on one connection of protocol v2.",
  ),
  EDGE_RESUME_GRACE_MS: wholeNumber({ min: 0, max: 300_000, default: 10_000 }).describe(
    "How long a run of protocol v2 goes on without its client, which may come back.",
  ),
  EDGE_MAX_CONNECTIONS: wholeNumber({ min: 1, max: 10_000_000, default: 50_000 }).describe(
    "Most connections open at once on this edge, and most HTTP requests; more are refused with HTTP 503.",
  ),
  EDGE_MAX_CONNECTIONS_PER_ADDRESS: z.coerce
    .number({ error: "must be a whole number from 1 to 10000000" })
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe(
      "Most WebSockets open at once from one client address on this edge; more are refused with HTTP 503. Each may make the edge keep one unfinished frame. Not set: 250, and any number from a trusted proxy that does not name its clients. Set it where more people than that are behind one address, and give the edge 1 MiB of memory for each.",
    ),
  EDGE_TRUSTED_PROXIES: proxiesSchema
    .prefault("loopback,private")
    .describe(
      "Proxies before the edge: `loopback`, `private` (10/8, 172.16/12, 192.168/16 and the like), addresses or networks with one comma between them, or `none`. An edge reads `x-forwarded-for` only on connections from these addresses. The client is the last address in it that is not itself a proxy. `none` where a balancer only forwards TCP, since the header is then the client's own.",
    ),
  EDGE_INBOUND_BYTES: wholeNumber({ min: MIB, max: 1_024 * MIB, default: 256 * MIB }).describe(
    "Most bytes of requests that this edge keeps at once before they are on a queue. They are unfinished bodies, messages that wait for their turn, and prompts. A request that does not fit is refused as overloaded.",
  ),
  EDGE_QUEUED_BYTES: z.coerce
    .number({ error: `must be a whole number from ${MIB} to ${1_048_576 * MIB}` })
    .int()
    .min(MIB)
    .max(1_048_576 * MIB)
    .optional()
    .describe(
      "Most bytes of prompts of unfinished runs in Redis, of all edges together. More are refused as overloaded; prompts below 16 KiB have twice the limit. Not set: a quarter of Redis' `maxmemory`, or 256 MiB if Redis has no limit or does not report it.",
    ),
  EDGE_MAX_RUNS: wholeNumber({ min: 1, max: 1_000_000, default: 10_000 }).describe(
    "Most runs open at once on this edge; more are refused as overloaded.",
  ),
  EDGE_MAX_WAITING: wholeNumber({ min: 0, max: 1_000, default: 16 }).describe(
    "Most messages of one connection that wait for their turn.",
  ),
  EDGE_V1_ERROR_LINGER_MS: wholeNumber({ min: 0, max: 3_600_000, default: 30_000 }).describe(
    "How long a connection of protocol v1 stays open after an error while its client sends nothing. Old clients would wait there for ever. 0: for ever.",
  ),
  EDGE_QUEUE_TIMEOUT_MS: wholeNumber({ min: 1, max: 3_600_000, default: 30_000 }).describe(
    "How long a run may wait for a worker.",
  ),
  EDGE_SLOW_CONSUMER_MS: wholeNumber({ min: 1, max: 3_600_000, default: 45_000 }).describe(
    "How long a client may leave its full connection unread before it is closed as a slow consumer.",
  ),
  EDGE_KEEP_ALIVE_AFTER_MS: wholeNumber({ min: 1, max: 3_600_000, default: 15_000 }).describe(
    "How long an answer over HTTP may be silent before a comment shows that it is alive. From then on a failure is an event of the stream.",
  ),
  EDGE_LOG_SESSION_KEY: z
    .string()
    .min(MIN_KEY_LENGTH, `must have at least ${MIN_KEY_LENGTH} characters`)
    .optional()
    .describe(
      "Key of the hash by which logs name a session. Use the same key on every edge. A session itself may be a person's address. Not set: a random key for each process.",
    ),
  EDGE_ADMIN_HOST: adminEnv.host,
  EDGE_ADMIN_PORT: adminEnv.port,
  EDGE_DRAIN_MS: wholeNumber({ min: 0, max: 3_600_000, default: 130_000 }).describe(
    "How long open runs may go on after SIGTERM, for clients that cannot move to another edge: those of protocol v1 and of `POST /v1/chat/completions`. Longer than the `totalMs` of each provider. The grace of the platform must be longer.",
  ),
});

export type EdgeConfig = z.infer<typeof edgeEnvSchema>;

/**
 * Reads all settings of this process.
 *
 * @throws ConfigError with every problem
 */
export function readEdgeSettings(env: NodeJS.ProcessEnv = process.env): Settings<EdgeConfig> {
  return readSettings(edgeEnvSchema, { env, prefix: "EDGE_" });
}
