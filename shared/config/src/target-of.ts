import type { ProviderConfig, Target, Targets } from "./gateway-config.ts";

/** The field of `targets` that holds what is promised: a cold connection only excuses what is far away. */
export function targetNameOf(
  region: ProviderConfig["region"],
  connection: "cold" | "warm",
): keyof Targets {
  if (region === "domestic") return "domestic";
  return connection === "cold" ? "overseasCold" : "overseasWarm";
}

/** The latency target of a provider. */
export function targetOf(
  targets: Targets,
  region: ProviderConfig["region"],
  connection: "cold" | "warm",
): Target {
  return targets[targetNameOf(region, connection)];
}
