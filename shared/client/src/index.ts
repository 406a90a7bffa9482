export { GatewayClient, type GatewayClientOptions, type RunRequest } from "./gateway-client.ts";
export {
  CancelledError,
  type ClientErrorCode,
  GatewayError,
  type GatewayErrorCode,
  RestartedError,
} from "./gateway-error.ts";
export type { Run } from "./run.ts";
export type { RunEvent, RunResult } from "./run-event.ts";
export type { WebSocketConstructor, WebSocketLike } from "./web-socket.ts";
export type {
  ChatMessage,
  FinishReason,
  ResponseFormat,
  RunOptions,
  Timings,
  Usage,
  WireErrorCode,
} from "./wire.ts";
