/** Every file that a page names is there, and every heading that a page links to. A file that moves takes its name along. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../architecture/sources.ts";

const SKIPPED = /^(?:node_modules|dist|reports|\.(?!ci$|env).*)$/;

/** Names of files that an operator or a build makes. */
const MADE: readonly string[] = [
  "gateway.config.json",
  "deploy/config/gateway.config.json",
  "keys.env",
  "deploy/config/keys.env",
  ".env",
  "docker-compose.digests.yml",
  "secret.yaml",
  "my.json",
];

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => !SKIPPED.test(name))
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      return entry.isDirectory() ? [`${path}/`, ...filesBelow(path)] : [path];
    });
}

const paths = filesBelow("");
const known = new Set(paths.map((path) => path.replace(/\/$/, "")));
const names = new Set(paths.map((path) => basename(path)));
const pages = paths.filter((path) => path.endsWith(".md"));

/** A page may leave out what comes before, and `src/`: `edge/runs/live-run.ts`. */
function isThere(path: string, page: string): boolean {
  if (!path.includes("/")) return names.has(path) || known.has(path);
  const [first = "", ...rest] = path.split("/");
  const full = `/${path}`;
  const short = ["services", "shared"].map((group) => [group, first, "src", ...rest].join("/"));
  const beside = join(dirname(page), path);
  return (
    [path, beside, ...short].some((candidate) => known.has(candidate)) ||
    [...known].some((candidate) => candidate.endsWith(full)) ||
    path.includes("/dist/")
  );
}

const FILE = /^[\w@.-][\w@./-]*\.(?:ts|mjs|cjs|lua|md|json|ya?ml|sh|acl|conf|cfg|patch|env)$/;
const FOLDER =
  /^(?:services|shared|tests|docs|deploy|bench|scripts|edge|worker|simulator|launcher|chat)\/[\w/.-]+$/;

/** In code spans, and not in fenced blocks, which may show what a user is to make. */
function namedIn(text: string): string[] {
  const prose = text.replace(/^ *```[\s\S]*?^ *```/gm, "");
  return [...prose.matchAll(/`([^`\n]+)`/g)]
    .map((match) => (match[1] ?? "").replace(/\/$/, ""))
    .filter((span) => FILE.test(span) || FOLDER.test(span));
}

/** As GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#{1,6} (.*)$/gm)].map((match) =>
    (match[1] ?? "")
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

test.each(pages)("%s names files that are there", (page) => {
  const missing = namedIn(read(page)).filter(
    (path) => !MADE.includes(path) && !isThere(path, page),
  );
  expect(missing).toEqual([]);
});

test.each(pages)("%s links to files and headings that are there", (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)];
  const broken = links
    .map(([, path = "", anchor]) => ({
      path: path === "" ? page : join(dirname(page), path),
      anchor,
    }))
    .filter(({ path, anchor }) => {
      if (!known.has(path.replace(/\/$/, ""))) return true;
      return anchor !== undefined && !anchorsOf(read(path)).includes(anchor);
    });
  expect(broken).toEqual([]);
});
