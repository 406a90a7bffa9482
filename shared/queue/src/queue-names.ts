/** BullMQ's names for the queue of one provider. */
export interface QueueNames {
  readonly name: string;
  /** In braces, so that all keys of one queue share a slot of a Redis Cluster. */
  readonly prefix: string;
}

export function queueNames(keyPrefix: string, provider: string): QueueNames {
  return { name: "runs", prefix: `${keyPrefix}{queue-${provider}}` };
}
