/**
 * The providers known out of the box, used when there is no `gateway.config.json`.
 *
 * Models and hosts of these services change from month to month; an own configuration file
 * replaces all of this.
 */

/** Another provider can give what the user waits for: the target for a cold connection overseas (8 s), and a little more. */
const timeouts = { firstTokenMs: 10_000 } as const;

export const SHIPPED_PROVIDERS = {
  nvidia1: {
    kind: "nvidia",
    baseUrl: "https://integrate.api.nvidia.com/v1",
    apiKey: "${NVIDIA1_API_KEY}",
    model: "nvidia/nemotron-3-nano-30b-a3b",
    region: "overseas",
    maxConcurrency: 32,
    fallback: ["nvidia2", "zhipu"],
    timeouts,
  },
  nvidia2: {
    kind: "nvidia",
    baseUrl: "https://integrate.api.nvidia.com/v1",
    apiKey: "${NVIDIA2_API_KEY}",
    model: "openai/gpt-oss-20b",
    region: "overseas",
    maxConcurrency: 32,
    fallback: ["nvidia1", "zhipu"],
    timeouts,
  },
  zhipu: {
    kind: "zhipu",
    baseUrl: "https://open.bigmodel.cn/api/paas/v4",
    apiKey: "${ZHIPU_API_KEY}",
    model: "glm-4.7-flash",
    region: "domestic",
    maxConcurrency: 32,
    fallback: ["hunyuan"],
    timeouts,
  },
  hunyuan: {
    kind: "tencent",
    baseUrl: "https://tokenhub.tencentmaas.com/v1",
    apiKey: "${HUNYUAN_API_KEY}",
    model: "hy3",
    region: "domestic",
    maxConcurrency: 32,
    fallback: ["zhipu"],
    timeouts,
  },
} as const;

export type ShippedProviderName = keyof typeof SHIPPED_PROVIDERS;

export const SHIPPED_DEFAULT_PROVIDER: ShippedProviderName = "nvidia2";

/** The environment variable that holds the key of a shipped provider. */
export function keyVariable(name: ShippedProviderName): string {
  return SHIPPED_PROVIDERS[name].apiKey.slice(2, -1);
}

/** The shipped providers whose key is set in `env`, as input for `parseGatewayConfig`. */
export function shippedConfig(env: NodeJS.ProcessEnv): Record<string, unknown> {
  const names = (Object.keys(SHIPPED_PROVIDERS) as ShippedProviderName[]).filter(
    (name) => env[keyVariable(name)],
  );
  return {
    providers: Object.fromEntries(
      names.map((name) => {
        const provider = SHIPPED_PROVIDERS[name];
        const { timeouts: hurried, ...own } = provider;
        const fallback = own.fallback.filter((other) => names.includes(other));
        // Shorter limits only help if another provider can be asked.
        return [name, { ...own, fallback, ...(fallback.length > 0 && { timeouts: hurried }) }];
      }),
    ),
    ...(names.includes(SHIPPED_DEFAULT_PROVIDER) && { defaultProvider: SHIPPED_DEFAULT_PROVIDER }),
  };
}

/**
 * Every shipped provider, answered for by the simulator at `simulatorUrl`, as input for `parseGatewayConfig`: what
 * a gateway without any key does instead of failing.
 */
export function simulatedConfig(simulatorUrl: string): Record<string, unknown> {
  const url = simulatorUrl.replace(/\/$/, "");
  const providers = Object.entries(SHIPPED_PROVIDERS).map(
    ([name, { kind, model, region, maxConcurrency, fallback }]) => {
      const more = {
        apiKey: "simulated",
        simulated: true,
        // It is ours and near: no proxy of the environment leads there.
        proxy: "none",
        // As many as of the real one, so that a trial does not flatter.
        maxConcurrency,
      };
      return [name, { kind, baseUrl: `${url}/${name}/v1`, model, region, fallback, ...more }];
    },
  );
  return {
    providers: Object.fromEntries(providers),
    defaultProvider: SHIPPED_DEFAULT_PROVIDER,
  };
}
