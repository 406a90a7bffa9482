export type LaunchErrorCode =
  | "bad_option"
  | "unfit_machine"
  | "port_unavailable"
  | "redis_unusable"
  | "child_failed"
  | "cancelled";

/** Why the cluster cannot start, in a sentence for the person at the terminal. */
export class LaunchError extends Error {
  readonly code: LaunchErrorCode;

  constructor(code: LaunchErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LaunchError";
    this.code = code;
  }
}
