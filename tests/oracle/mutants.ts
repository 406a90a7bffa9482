/** Builds decoders that have one fault each: of the sources in a temporary copy, to which a patch was applied. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build, type Plugin } from "esbuild";
import type { Decode } from "./decode.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PATCHES = join(ROOT, "tests/oracle/mutants");
const SOURCES = join("services", "worker", "src", "provider");

/** The names of all patches. */
export async function mutants(): Promise<string[]> {
  const files = await readdir(PATCHES);
  return files.filter((file) => file.endsWith(".patch")).toSorted();
}

/**
 * @param patch none for the decoder as it is
 * @throws Error where a patch no longer fits the sources: then the fault has to be planted again
 */
export async function withMutant<Result>(
  patch: string | undefined,
  use: (decode: Decode) => Promise<Result>,
): Promise<Result> {
  const copy = await mkdtemp(join(tmpdir(), "openclaw-mutant-"));
  try {
    await cp(join(ROOT, SOURCES), join(copy, SOURCES), { recursive: true });
    if (patch) await promisify(execFile)("git", ["apply", join(PATCHES, patch)], { cwd: copy });
    return await use(await decoderOf(copy));
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function decoderOf(copy: string): Promise<Decode> {
  const outfile = join(copy, "decode.mjs");
  await build({
    entryPoints: [join(ROOT, "tests/oracle/decode.ts")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["source"],
    // Packages that are made for both would ask for `require`.
    mainFields: ["module", "main"],
    logLevel: "silent",
    plugins: [sourcesOf(copy)],
  });
  const { decode }: { decode: Decode } = await import(
    /* @vite-ignore */ pathToFileURL(outfile).href
  );
  return decode;
}

/** Reads each source of the decoder from the copy. Everything else is what it is. */
function sourcesOf(copy: string): Plugin {
  return {
    name: "mutant",
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const name = relative(ROOT, path);
        if (!name.startsWith(`${SOURCES}${sep}`)) return undefined;
        return { contents: await readFile(join(copy, name), "utf8"), loader: "ts" };
      });
    },
  };
}
