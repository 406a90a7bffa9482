/**
 * WebSocket close codes of the gateway.
 *
 * From 4000 to 4499: come back, and resume the open runs. From 4500 to 4999: do not come back, for the same would
 * happen again. Clients of v1 get a code of RFC 6455 where one has the same meaning.
 */
export const CLOSE_CODES = {
  /** v1: the client has said nothing for a while behind an error, and may wait for ever. */
  normal: 1000,
  /** v1: the server is restarting; another one answers. */
  serviceRestart: 1012,
  /** The client sent more frames, or more bad ones, than a connection may; see PROTOCOL.md. */
  policyViolation: 1008,
  /** A frame was longer than the server reads. */
  frameTooLong: 1009,
  /** v2: the server is restarting; another one answers. */
  draining: 4001,
  /** The client read too slowly; what it missed is in the logs of its runs. */
  slowConsumer: 4008,
  /** v2: the API key is missing or wrong. v1 is refused with HTTP 401 instead. */
  invalidApiKey: 4501,
} as const;
