/** A checkout that is on a read-only file system, or belongs to another user, or in which root has built. */
import { accessSync, constants } from "node:fs";
import { BootstrapError } from "./command.mjs";

const CODES = ["EACCES", "EPERM", "EROFS"];

export function isRightMissing({ code }) {
  return CODES.includes(code);
}

/** Of those paths that are there. @throws BootstrapError */
export function assertWritable(paths) {
  for (const path of paths) {
    try {
      accessSync(path, constants.W_OK);
    } catch (error) {
      if (isRightMissing(error)) throw unwritable(error);
      if (error.code !== "ENOENT") throw error;
    }
  }
}

/** In one sentence, what a system call has refused. */
export function unwritable({ path = "it", code }) {
  const advice = code === "EROFS" ? "run this in" : "run this as its owner, or in";
  return new BootstrapError(
    `This checkout must be built, but ${path} cannot be written to (${code}): ${advice} a copy of your own.`,
  );
}
