import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  expectNothingLeft,
  launch,
  makeWorkshop,
  removeWorkshop,
} from "./testing/launcher-process.ts";

let workshop: string;

beforeAll(async () => {
  workshop = await makeWorkshop();
}, 120_000);

afterAll(() => removeWorkshop(workshop));

describe("a start that cannot be", () => {
  test("without Redis says what to install, and exits with 1", async () => {
    const launcher = await launch({ workshop, env: { PATH: join(workshop, "empty") } });
    expect(await launcher.exited).toBe(1);
    expect(launcher.stderr).toMatch(/^No Redis found: install redis-server 7 or later.*\n$/);
    expect(launcher.stdout).toBe("");
    await expectNothingLeft(workshop);
  });

  test("on a machine that no edge can run on is one sentence, before anything is started", async () => {
    const edgeCheck = 'console.error("No edge can run here: use Node 20."); process.exit(1);';
    // What would fail next, if it were asked.
    const env = { PATH: join(workshop, "empty"), REDIS_URL: "no URL" };
    const launcher = await launch({ workshop, services: { edgeCheck }, env });
    expect(await launcher.exited).toBe(1);
    expect([launcher.stdout, launcher.stderr]).toEqual([
      "",
      "No edge can run here: use Node 20.\n",
    ]);
  });

  test("with an unknown option is one sentence, and exits with 1", async () => {
    const launcher = await launch({ workshop, argv: ["--prot", "1"] });
    expect(await launcher.exited).toBe(1);
    expect(launcher.stderr).toBe("Unknown option '--prot'. Try --help.\n");
  });

  test("with a bad file lists its problems, and exits with 1", async () => {
    const file = join(workshop, "bad.json");
    await writeFile(file, '{"providers": {}, "surprise": 1}');
    const launcher = await launch({ workshop, env: { GATEWAY_CONFIG: file } });
    expect(await launcher.exited).toBe(1);
    expect(launcher.stderr).toContain(`${file} cannot be used:\n  - `);
    expect(launcher.stderr).toContain("surprise");
  });

  test("on a port in use names it, and exits with 1", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number }; // listens on TCP, so it is an object
    const launcher = await launch({ workshop, argv: ["--port", String(port)] });
    expect(await launcher.exited).toBe(1);
    expect(launcher.stderr).toMatch(`Port ${port} on 127.0.0.1 is already in use`);
    server.close();
  });

  test("--help explains, and exits with 0", async () => {
    const launcher = await launch({ workshop, argv: ["--help"] });
    expect(await launcher.exited).toBe(0);
    expect(launcher.stdout).toContain("npm start -- [options]");
  });
});
