export { answerFor, type Prompt } from "./answer-for.ts";
export { type Directive, directive } from "./directive.ts";
export type { FaultKind } from "./faults/fault-fields.ts";
export type { InjectedKind } from "./faults/fault-injector.ts";
export type { FaultOptions, FaultSettings } from "./faults/fault-settings.ts";
export {
  INSTANT,
  PROFILES,
  type Profile,
  type ProfileName,
  type ProfileTable,
  profilesAt,
  type Timing,
} from "./profiles/profiles.ts";
export { createSimulator, type Simulator, type SimulatorOptions } from "./simulator.ts";
export type { ProfileStats, SimulatorStats } from "./stats.ts";
export { generateText, type Language, type TextOptions } from "./text/generate-text.ts";
export { piecesFor } from "./text/pieces.ts";
export type { TlsSettings } from "./tls/tls-listener.ts";
