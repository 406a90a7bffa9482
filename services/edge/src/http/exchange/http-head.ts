/** The heads of responses, as uWebSockets.js takes them. */
import type { HttpResponse } from "uWebSockets.js";

export type Headers = Readonly<Record<string, string>>;

/** Every status line in use. uWebSockets.js takes each as one text. */
const STATUS_LINES = {
  200: "200 OK",
  202: "202 Accepted",
  204: "204 No Content",
  400: "400 Bad Request",
  401: "401 Unauthorized",
  403: "403 Forbidden",
  404: "404 Not Found",
  405: "405 Method Not Allowed",
  408: "408 Request Timeout",
  409: "409 Conflict",
  413: "413 Content Too Large",
  415: "415 Unsupported Media Type",
  426: "426 Upgrade Required",
  429: "429 Too Many Requests",
  431: "431 Request Header Fields Too Large",
  500: "500 Internal Server Error",
  502: "502 Bad Gateway",
  503: "503 Service Unavailable",
  504: "504 Gateway Timeout",
} as const;

export type HttpStatus = keyof typeof STATUS_LINES;

export function writeHead(response: HttpResponse, status: HttpStatus, headers: Headers): void {
  response.writeStatus(STATUS_LINES[status]);
  for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
}
