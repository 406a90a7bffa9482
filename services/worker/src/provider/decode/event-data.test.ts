import { expect, it } from "vitest";
import { gluedChunk } from "./event-data.ts";

const broken = '{"id":"a","choices":[{"delta":{"content":"Hel';
const other = '{"id":"b","choices":[{"delta":{"content":"Hi"}}]}';

it.each([
  ["glued on", `${broken}data: ${other}`],
  ["glued on without the space", `${broken}data:${other}`],
  ["on a line of its own", `${broken}\n${other}`],
  ["behind a frame that broke off before its id", `{"idata: ${other}`],
])("another stream is found %s", (_, data) => {
  expect(gluedChunk(data)).toMatchObject({ id: "b" });
});

it.each([
  ["a frame that only broke off", broken],
  ["two frames of one stream", `${broken}data: ${other.replace('"b"', '"a"')}`],
  ["a second frame that broke off too", `${broken}data: ${other.slice(0, -5)}`],
  ["no chunks at all", 'oops data: {"id"'],
])("%s is no other stream", (_, data) => {
  expect(gluedChunk(data)).toBeUndefined();
});
