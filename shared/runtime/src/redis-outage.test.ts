import { ReplyError } from "ioredis";
import { expect, test } from "vitest";
import { isOutage } from "./redis-outage.ts";

const reply = (message: string) => new ReplyError(message);
const coded = (code: string) => Object.assign(new Error("failed"), { code });

test.each([
  new Error("Command timed out"),
  new Error("Connection is closed."),
  new Error("Stream isn't writeable and enableOfflineQueue options is false"),
  coded("ECONNRESET"),
  reply("LOADING Redis is loading the dataset in memory"),
  reply("READONLY You can't write against a read only replica. script: 1a2b, on @user_script:9."),
  reply("NOPERM User gateway has no permissions to run the 'evalsha' command"),
  reply("OOM command not allowed when used memory > 'maxmemory'."),
])("%s is an outage", (error) => {
  expect(isOutage(error)).toBe(true);
});

test.each([
  reply("WRONGTYPE Operation against a key holding the wrong kind of value"),
  reply("ERR user_script:72: attempt to compare nil with number script: 1a2b, on @user_script:72."),
  reply("NOPERM No permissions to access a key"),
  coded("malformed_entry"),
  new TypeError("undefined is not a function"),
  "no error at all",
])("%s is none: it will be the same the next time", (error) => {
  expect(isOutage(error)).toBe(false);
});
