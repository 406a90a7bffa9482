/** Time limits of what is kept, in milliseconds. */
export interface Retention {
  /** A run that nobody ever ends is forgotten after this long. */
  readonly liveMs: number;
  /** How long an ended run can still be read. */
  readonly resumeWindowMs: number;
  /**
   * How long an attempt that was heard of keeps its run from other workers: less than a lease of the
   * queue, more than two of the appender's touches.
   */
  readonly heldMs: number;
}

export const DEFAULT_RETENTION: Retention = {
  liveMs: 3_600_000,
  resumeWindowMs: 300_000,
  heldMs: 2_500,
};
