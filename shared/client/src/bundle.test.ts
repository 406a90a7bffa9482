/** What a page gets that uses the package: how much, and whether it works there. */
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { build, type Format } from "esbuild";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import type * as Client from "./index.ts";
import { deltas, done, ScriptedGateway } from "./testing/scripted-gateway.ts";

const BAR_BYTES = 8 * 1024;

async function bundle(format: Format) {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL("./index.ts", import.meta.url))],
    bundle: true,
    minify: true,
    format,
    globalName: "client",
    // Fails on every module that only Node has.
    platform: "browser",
    target: "es2022",
    metafile: true,
    write: false,
  });
  return { code: outputFiles[0]?.text ?? "", inputs: Object.keys(metafile.inputs) };
}

test("all of it is below 8 kB minified and gzipped, and nothing of it comes from elsewhere", async () => {
  const { code, inputs } = await bundle("esm");
  const bytes = gzipSync(code).length;
  console.log(`@openclaw/client, minified and gzipped: ${bytes} bytes`);
  expect(inputs.filter((path) => !path.startsWith("shared/client/src/"))).toEqual([]);
  expect(inputs).toContain("shared/client/src/gateway-client.ts");
  expect(bytes).toBeLessThan(BAR_BYTES);
});

test("it answers where there is what browsers have and nothing else", async () => {
  const gateway = await ScriptedGateway.start();
  const page = createContext({
    ...{ WebSocket, URL, TextEncoder, crypto, performance, setTimeout, clearTimeout },
  });
  const { code } = await bundle("iife");
  // The bundle's own exports, as the source has them.
  const { GatewayClient } = runInContext(`${code}; client`, page) as typeof Client;
  const client = new GatewayClient({ url: gateway.url });
  const run = client.run("go");
  const peer = await gateway.peer();
  await peer.accept("r");
  peer.send(...deltas("r", ["whole"]), done("r"));
  expect(await run.text()).toBe("whole");
  client.close();
  await gateway.stop();
});
