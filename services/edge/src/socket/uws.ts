/**
 * uWebSockets.js with room for long request heads.
 *
 * The library reads this variable once, when its binary is loaded. It answers a longer head that arrives in several
 * segments with a page of HTML. So its limit is above ours, for which `http/exchange/gate.ts` answers in JSON.
 */
import { UnfitMachineError } from "./unfit-machine.ts";

process.env.UWS_HTTP_MAX_HEADERS_SIZE = String(32 * 1024);
const { default: uws } = await import("uWebSockets.js").catch((cause: unknown) => {
  throw new UnfitMachineError(cause);
});

export { uws };
