/** For each state of a state machine, the states that may follow it. */
export type Moves<State extends string> = Readonly<Record<State, readonly State[]>>;

/**
 * Asserts a move of a state machine.
 *
 * @returns `to`, the new state
 * @throws Error for a move that is not listed: a mistake of ours
 */
export function moved<State extends string>(moves: Moves<State>, from: State, to: State): State {
  if (!moves[from].includes(to)) throw new Error(`no move from ${from} to ${to}`);
  return to;
}
