/** What work on a run throws to say how its job goes on, and what is wrong with a job that cannot be read. */

/** No worker of this release or an earlier one understands the job. */
export class UnreadableJobError extends Error {
  readonly code = "unreadable_job";

  constructor(problem: string) {
    super(`a job cannot be read: ${problem}`);
    this.name = "UnreadableJobError";
  }
}

/** The run is to be offered again, though not at once. */
export class RunPostponedError extends Error {
  readonly code = "run_postponed";
  readonly forMs: number;

  constructor(runId: string, forMs: number) {
    super(`run ${runId} is postponed for ${forMs} ms`);
    this.name = "RunPostponedError";
    this.forMs = forMs;
  }
}

/** This worker leaves: the run is to be offered again at once, before those that wait, at no cost. */
export class RunReleasedError extends Error {
  readonly code = "run_released";

  constructor(runId: string) {
    super(`run ${runId} is released`);
    this.name = "RunReleasedError";
  }
}
