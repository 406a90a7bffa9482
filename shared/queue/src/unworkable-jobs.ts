/**
 * Jobs that the queue itself cannot work with. The key is not a hash, the options are not JSON, or a counter of
 * BullMQ is not a number.
 *
 * BullMQ fails in the middle of taking such a job. The job stays among those at work, though no worker works on it,
 * and holds a place of the account for ever.
 */
import type { RedisClient } from "@openclaw/runtime";
import { queueNames } from "./queue-names.ts";

/**
 * Finds such jobs among those at work, leases them to the worker that asks, and answers their ids.
 *
 * KEYS  active list; ARGV  what keys of jobs begin with, id of the worker, ms of a lease, ids that it works on ...
 *
 * A lease of another worker is left alone. One of this worker's is what it was given when the script failed.
 */
const FIND = `
local at_work = {}
for index = 4, #ARGV do at_work[ARGV[index]] = true end
local function is_number(text)
  return not text or (#text < 16 and string.find(text, '^-?%d+$') ~= nil)
end
local function is_workable(ats, atm, stc, opts)
  if not (is_number(ats) and is_number(atm) and is_number(stc)) then return false end
  local is_json, value = pcall(cjson.decode, opts or '{}')
  return is_json and type(value) == 'table'
end
local found = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, 9999)) do
  local job = ARGV[1] .. id
  local fields = not at_work[id] and redis.pcall('HMGET', job, 'ats', 'atm', 'stc', 'opts')
  if fields and (fields.err or not is_workable(unpack(fields))) then
    local lease = redis.pcall('GET', job .. ':lock')
    if type(lease) ~= 'string' or string.find(lease, ARGV[2], 1, true) == 1 then
      redis.call('SET', job .. ':lock', ARGV[2], 'PX', ARGV[3])
      found[#found + 1] = id
    end
  end
end
return found`;

export interface UnworkableJobsOptions {
  readonly redis: RedisClient;
  readonly keyPrefix: string;
  readonly provider: string;
  readonly leaseMs: number;
  /** Told of each before it is taken off the queue; again where that failed. */
  readonly onFound: (jobId: string) => Promise<void>;
}

export class UnworkableJobs {
  readonly #options: UnworkableJobsOptions;
  readonly #base: string;

  constructor(options: UnworkableJobsOptions) {
    const { prefix, name } = queueNames(options.keyPrefix, options.provider);
    this.#options = options;
    this.#base = `${prefix}:${name}`;
  }

  /**
   * Takes them off the queue.
   *
   * @param workerId what the leases of this worker begin with
   * @param atWork ids of the jobs that it works on
   * @throws what Redis throws, and what `onFound` does
   */
  async takeOff(workerId: string, atWork: Iterable<string>): Promise<void> {
    const { redis, leaseMs, onFound } = this.#options;
    const active = `${this.#base}:active`;
    const args = [`${this.#base}:`, workerId, leaseMs, ...atWork];
    // The shape is the script's own.
    const found = (await redis.eval(FIND, 1, active, ...args)) as string[];
    for (const jobId of found) {
      await onFound(jobId);
      const job = `${this.#base}:${jobId}`;
      await redis.del(job);
      await redis.lrem(active, 0, jobId);
      await redis.srem(`${this.#base}:stalled`, jobId);
      await redis.del(`${job}:lock`);
    }
  }
}
