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
  "a key is blank; name keys with one comma between them, or leave the variable empty to serve everybody";
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
    "Port to listen on. Several edges of one machine may share it.",
  ),
  EDGE_API_KEYS: listSchema
    .pipe(z.array(keySchema))
    .describe(
      "Keys that clients must send, separated by commas, each of at least 16 characters. Clients send `Authorization: Bearer KEY`, or `?api_key=KEY` if a browser opens a WebSocket. Without keys, the gateway serves every program that reaches it and sends no `Origin`. It also serves the web pages of `EDGE_PUBLIC_URL` and `EDGE_ALLOWED_ORIGINS`. A blank key is refused.",
    ),
  EDGE_PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: URL_RULE })
    .optional()
    .describe(
      "The URL where users reach the gateway, such as `https://gateway.example.com`. Web pages of that origin may use it. So may pages of loopback addresses.",
    ),
  EDGE_ALLOWED_ORIGINS: listSchema
    .pipe(z.array(originSchema))
    .describe(
      "Origins of other web pages that may use the gateway, separated by commas, such as `https://app.example.com`. `*` means all pages. Most programs send no `Origin` and need no entry. Libraries that send an `Origin` are judged like pages.",
    ),
  EDGE_MAX_MESSAGE_BYTES: wholeNumber({ min: 1, max: 1_048_576, default: 32_768 }).describe(
    "Longest message of a user, in UTF-8 bytes.",
  ),
  EDGE_MAX_CONVERSATION_BYTES: wholeNumber({ min: 1, max: 8_388_608, default: 524_288 }).describe(
    "Longest conversation in one request over protocol v2 or HTTP, in UTF-8 bytes.",
  ),
  EDGE_MAX_RUNS_PER_CONNECTION: wholeNumber({ min: 1, max: 10_000, default: 32 }).describe(
    "Most open runs on one connection of protocol v2.",
  ),
  EDGE_RESUME_GRACE_MS: wholeNumber({ min: 0, max: 300_000, default: 10_000 }).describe(
    "How long a run of protocol v2 continues after its client has gone. The client may come back in this time.",
  ),
  EDGE_MAX_CONNECTIONS: wholeNumber({ min: 1, max: 10_000_000, default: 50_000 }).describe(
    "Most open connections on this edge, and most HTTP requests at once. More are refused with HTTP 503.",
  ),
  EDGE_MAX_CONNECTIONS_PER_ADDRESS: z.coerce
    .number({ error: "must be a whole number from 1 to 10000000" })
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe(
      "Most open WebSockets from one client address on this edge. More are refused with HTTP 503. Each may make the edge keep one unfinished frame. Not set: 250, and any number from a trusted proxy that does not name its clients. Raise it if more people share one address, and give the edge 1 MiB of memory for each.",
    ),
  EDGE_TRUSTED_PROXIES: proxiesSchema
    .prefault("loopback,private")
    .describe(
      "Proxies before the edge: `loopback`, `private` (10/8, 172.16/12, 192.168/16 and the like), addresses or networks, separated by commas. An edge reads `x-forwarded-for` only on connections from these addresses. The client is the last address in it that is not a proxy. Set `none` if a balancer only forwards TCP, because then the client itself wrote the header.",
    ),
  EDGE_INBOUND_BYTES: wholeNumber({ min: MIB, max: 1_024 * MIB, default: 256 * MIB }).describe(
    "Most bytes of requests that this edge keeps before they are on a queue. They are unfinished bodies, messages that wait for their turn, and prompts. A request that does not fit is refused as overloaded.",
  ),
  EDGE_QUEUED_BYTES: z.coerce
    .number({ error: `must be a whole number from ${MIB} to ${1_048_576 * MIB}` })
    .int()
    .min(MIB)
    .max(1_048_576 * MIB)
    .optional()
    .describe(
      "Most bytes of prompts of unfinished runs in Redis, of all edges together. More are refused as overloaded; prompts below 16 KiB only at twice this number. Not set: a quarter of Redis' `maxmemory`, or 256 MiB if Redis has none or does not tell.",
    ),
  EDGE_MAX_RUNS: wholeNumber({ min: 1, max: 1_000_000, default: 10_000 }).describe(
    "Most open runs on this edge. More are refused as overloaded.",
  ),
  EDGE_MAX_WAITING: wholeNumber({ min: 0, max: 1_000, default: 16 }).describe(
    "Most messages of one v1 connection that wait for their turn.",
  ),
  EDGE_V1_ERROR_LINGER_MS: wholeNumber({ min: 0, max: 3_600_000, default: 30_000 }).describe(
    "How long a v1 connection stays open after an error while its client sends nothing. Old clients would wait for ever after an error. 0: the edge never closes it.",
  ),
  EDGE_QUEUE_TIMEOUT_MS: wholeNumber({ min: 1, max: 3_600_000, default: 30_000 }).describe(
    "How long a run may wait for a worker.",
  ),
  EDGE_SLOW_CONSUMER_MS: wholeNumber({ min: 1, max: 3_600_000, default: 45_000 }).describe(
    "How long a connection may stay full because its client does not read. Then it is closed as a slow consumer.",
  ),
  EDGE_KEEP_ALIVE_AFTER_MS: wholeNumber({ min: 1, max: 3_600_000, default: 15_000 }).describe(
    "How long an answer over HTTP may be silent before the edge sends a comment to keep it alive. From then on a failure is an event in the stream.",
  ),
  EDGE_LOG_SESSION_KEY: z
    .string()
    .min(MIN_KEY_LENGTH, `must have at least ${MIN_KEY_LENGTH} characters`)
    .optional()
    .describe(
      "Key of the hash by which logs name a session. The session itself may be a person's address, so it is not logged. Set the same key on every edge. Not set: a random key for each process.",
    ),
  EDGE_ADMIN_HOST: adminEnv.host,
  EDGE_ADMIN_PORT: adminEnv.port,
  EDGE_DRAIN_MS: wholeNumber({ min: 0, max: 3_600_000, default: 130_000 }).describe(
    "How long open runs may continue after SIGTERM if their clients cannot move to another edge. These are clients of protocol v1 and of `POST /v1/chat/completions`. Set it above the `totalMs` of each provider. The grace period of the platform must be longer.",
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
