import type { GatewayConfig } from "@openclaw/config";

/**
 * The provider or group that a client means by a model's name; undefined for an unknown name.
 *
 * The operator's `models` come first, then the names of providers and groups. Then follow `provider/model`, as
 * answers have it, and the models that providers serve.
 */
export function providerFor(model: string, gateway: GatewayConfig): string | undefined {
  const { providers, groups, models, defaultProvider } = gateway;
  if (Object.hasOwn(models, model)) return models[model];
  if (Object.hasOwn(providers, model) || Object.hasOwn(groups, model)) return model;
  const serving = Object.keys(providers).filter((name) => {
    const served = providers[name]?.model;
    return model === served || model === `${name}/${served}`;
  });
  return serving.includes(defaultProvider) ? defaultProvider : serving[0];
}

/** Every name that a client may choose, and its owner. */
export function namedModels({ providers, groups, models }: GatewayConfig): Map<string, string> {
  return new Map([
    ...Object.entries(providers).map(([name, { kind }]) => [name, kind] as const),
    ...[...Object.keys(groups), ...Object.keys(models)].map((name) => [name, "openclaw"] as const),
  ]);
}
