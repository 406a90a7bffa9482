/**
 * Holds the order of the rooms of `rooms.ts`, types included, and writes them to docs/architecture.md
 * (`npm test -- --update`). Cycles of files are found by the linter (`noImportCycles`).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { PACKAGES, ROOMS, type Room, SMALL_SERVICES } from "./rooms.ts";
import { isShipped, sourcesOf } from "./sources.ts";

const PAGE = "docs/architecture.md";
/** Above this a file has a second idea, unless it is a list. */
const MOST_LINES = 300;
const LISTS: readonly string[] = [];

describe.each(Object.entries(ROOMS))("%s", (service, rooms) => {
  const home = `${service}/src/`;
  const files = sourcesOf(service).filter(({ path }) => !path.endsWith(".test.ts"));
  const roomOf = (path: string) => deepest(rooms, path.slice(home.length));

  test.each(rooms)("$path is there", ({ path }) => expect(existsSync(home + path)).toBe(true));

  test("every folder is a room", () => {
    const folders = new Set(files.map(({ path }) => dirname(path)));
    folders.delete(`${service}/src`);
    expect(
      [...folders].filter((folder) => !rooms.some(({ path }) => home + path === folder)),
    ).toEqual([]);
  });

  test("no import goes against the order of the rooms", () => {
    const wrong = files.flatMap(({ path, imports }) => {
      const own = roomOf(path);
      if (own === undefined) return [];
      return imports
        .filter((name) => name.startsWith("."))
        .map((name) => join(dirname(path), name))
        .filter((target) => {
          const other = roomOf(target);
          return other === undefined || rooms.indexOf(other) > rooms.indexOf(own);
        })
        .map((target) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });
});

describe("shared", () => {
  const names = PACKAGES.map(({ path }) => path);
  const packageOf = (path: string) => names.indexOf(path.split("/")[1] ?? "");

  test("every package is drawn", () => {
    expect(names.toSorted()).toEqual(readdirSync("shared").toSorted());
  });

  test("no import goes against the order of the packages", () => {
    const wrong = sourcesOf("shared")
      .filter(isShipped)
      .flatMap(({ path, imports }) =>
        imports
          .filter((name) => name.startsWith("@openclaw/"))
          .filter((name) => packageOf(name) > packageOf(path))
          .map((name) => `${path} imports ${name}`),
      );
    expect(wrong).toEqual([]);
  });
});

test("every folder of every service is drawn", () => {
  const drawn = SMALL_SERVICES.map(({ path }) => `services/${path}`);
  const services = readdirSync("services").map((name) => `services/${name}`);
  const folders = sourcesOf(...services.filter((service) => !(service in ROOMS)));
  const found = new Set(folders.map(({ path }) => dirname(path)));
  expect(drawn.toSorted()).toEqual([...found].toSorted());
});

test(`no source is longer than ${MOST_LINES} lines, but lists`, () => {
  const long = sourcesOf("services", "shared")
    .filter(isShipped)
    .filter(({ path }) => !LISTS.includes(path))
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > MOST_LINES)
    .map(({ path, lines }) => `${path}: ${lines}`);
  expect(long).toEqual([]);
});

test("docs/architecture.md draws the rooms", async () => {
  const page = readFileSync(PAGE, "utf8").replace(
    /(<!-- rooms -->\n).*(<!-- \/rooms -->)/s,
    (_, begin: string, end: string) => `${begin}${drawing()}\n${end}`,
  );
  await expect(page).toMatchFileSnapshot(`../../${PAGE}`);
});

function deepest(rooms: readonly Room[], path: string): Room | undefined {
  return rooms
    .filter((room) => path.startsWith(`${room.path}/`))
    .reduce<Room | undefined>(
      (best, room) => (room.path.length > (best?.path.length ?? 0) ? room : best),
      undefined,
    );
}

function drawing(): string {
  const services = Object.entries(ROOMS).map(([service, rooms]) =>
    drawn(`${service}/src/`, rooms, (path) => `${path}/`),
  );
  const small = drawn("services/", SMALL_SERVICES, (path) => `${path}/`);
  const shared = drawn("shared/", PACKAGES, (path) => `${path}/src/`);
  return ["```text", [...services, small, shared].join("\n\n"), "```"].join("\n");
}

function drawn(head: string, rooms: readonly Room[], name: (path: string) => string): string {
  const width = Math.max(...rooms.map(({ path }) => name(path).length)) + 2;
  const lines = rooms.map(({ path, holds }) => `  ${name(path).padEnd(width)}${holds}`);
  return [head, ...lines].join("\n");
}
