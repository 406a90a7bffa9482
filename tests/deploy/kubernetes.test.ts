/** The manifests are what Kubernetes and KEDA expect, and fit each other and the services. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { PodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { parseEnv, parseGatewayConfig } from "@openclaw/config";
import { Deployment, type IDeployment } from "kubernetes-models/apps/v1/Deployment";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ConfigMap, type IConfigMap } from "kubernetes-models/v1/ConfigMap";
import { type ISecret, Secret } from "kubernetes-models/v1/Secret";
import { Service } from "kubernetes-models/v1/Service";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { edgeEnvSchema } from "../../services/edge/src/config.ts";
import { workerEnvSchema } from "../../services/worker/src/config.ts";
import { recordReads } from "./read-fields.ts";

const FOLDER = "deploy/kubernetes";
const KINDS = {
  ConfigMap,
  Deployment,
  NetworkPolicy,
  PodDisruptionBudget,
  PodMonitor,
  ScaledObject,
  Secret,
  Service,
} as const;

/** Secrets as an operator fills them in. */
const FILLED = {
  REDIS_URL: "redis://gateway:b3f1c0ffee@redis:6379",
  EDGE_API_KEYS: "a-key-of-some-length",
  ZHIPU_API_KEY: "z",
  NVIDIA2_API_KEY: "n",
};

interface Manifest {
  readonly file: string;
  readonly kind: string;
  readonly name: string;
  readonly document: Record<string, unknown>;
}

const manifests = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".yaml") && file !== "kustomization.yaml")
  .flatMap((file) => read(file));

function read(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(join(FOLDER, file), "utf8")).map((parsed) => {
    expect(parsed.errors).toEqual([]);
    const document = parsed.toJS();
    return { file, kind: document.kind, name: document.metadata.name, document };
  });
}

function problemsOf({ kind, document }: Manifest): string[] {
  const Kind = KINDS[kind as keyof typeof KINDS];
  if (!Kind) return [`nothing here knows the kind ${kind}`];
  const { seen, unread } = recordReads(document);
  // The validator is told what it is given; whether that is so, it finds out.
  const validate = (Kind.prototype as { validate(this: unknown): void }).validate;
  try {
    validate.call(seen);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  return unread().map((path) => `${path} is not known`);
}

describe("a manifest", () => {
  test.each(manifests)("$kind $name of $file is valid", (manifest) => {
    expect(problemsOf(manifest)).toEqual([]);
  });

  test("with a mistyped value or field is found", () => {
    const edge = manifests.find(({ kind, name }) => kind === "Deployment" && name.endsWith("edge"));
    if (!edge) throw new Error("there is no edge");
    const text = JSON.stringify(edge.document);
    const broken = (from: string, to: string) =>
      problemsOf({ ...edge, document: JSON.parse(text.replace(from, to)) });
    expect(text).toContain('"periodSeconds":10');
    expect(broken('"periodSeconds":10', '"periodSeconds":"10"')).toEqual([
      expect.stringContaining("periodSeconds must be integer"),
    ]);
    expect(broken("readinessProbe", "redinessProbe")).toEqual(
      expect.arrayContaining([expect.stringContaining("redinessProbe is not known")]),
    );
  });
});

test("kustomization.yaml has every manifest but the example of the secret", () => {
  const kustomization = parseAllDocuments(readFileSync(`${FOLDER}/kustomization.yaml`, "utf8"));
  const { resources } = kustomization[0]?.toJS() ?? {};
  const files = new Set(manifests.map(({ file }) => file));
  files.delete("secret.example.yaml");
  expect(new Set(resources)).toEqual(files);
});

const deployments = manifests
  .filter(({ kind }) => kind === "Deployment")
  // Validated above.
  .map(({ document }) => document as unknown as IDeployment);
const configMap = (name: string) =>
  // Validated above, too.
  manifests.find((one) => one.name === name)?.document as unknown as IConfigMap | undefined;

test("what is selected by labels is there, and only autoscaling says how many", () => {
  const labels = deployments.map(({ spec }) => spec?.template.metadata?.labels ?? {});
  const selectors = manifests.flatMap(({ document }) => {
    const found: Record<string, string>[] = [];
    JSON.stringify(document.spec ?? {}, (key, value) => {
      const isSelector = key === "matchLabels" || (key === "selector" && !value.matchLabels);
      if (isSelector && !("kubernetes.io/metadata.name" in value)) found.push(value);
      return value;
    });
    return found;
  });
  expect(selectors.length).toBeGreaterThan(6);
  for (const selector of selectors) {
    const isMet = (one: Record<string, string>) =>
      Object.entries(selector).every(([label, value]) => one[label] === value);
    expect(labels.some(isMet)).toBe(true);
  }
  expect(deployments.map(({ spec }) => spec?.replicas)).toEqual([undefined, undefined]);
});

test("the environment is one that the services know", () => {
  const known = new Set([
    ...Object.keys(edgeEnvSchema.shape),
    ...Object.keys(workerEnvSchema.shape),
  ]);
  const env = configMap("openclaw-gateway-env")?.data ?? {};
  expect(Object.keys(env).filter((name) => !known.has(name))).toEqual([]);
});

test("pods ask clients for keys, and do not start with a secret of the example", () => {
  // Validated above.
  const secret = manifests.find(({ kind }) => kind === "Secret")?.document as unknown as ISecret;
  const env: Record<string, string> = secret.stringData ?? {};
  expect(Object.keys(env)).toContain("EDGE_API_KEYS");
  for (const [name, value] of Object.entries(env)) {
    const isLeft = { ...FILLED, [name]: value };
    const text = configMap("openclaw-gateway-config")?.data?.["gateway.config.json"] ?? "";
    const start = () => {
      parseEnv(edgeEnvSchema, { env: isLeft, prefix: "EDGE_" });
      parseGatewayConfig(JSON.parse(text), { source: "the manifest", env: isLeft });
    };
    expect(start, name).toThrow("is still the placeholder of an example");
  }
});

test("only private addresses that no stranger connects from are believed", () => {
  const trusted = configMap("openclaw-gateway-env")?.data?.EDGE_TRUSTED_PROXIES;
  const service = manifests.find(({ kind }) => kind === "Service")?.document.spec;
  // Only an ingress or another pod reaches it. With a type, strangers would come from the addresses of nodes.
  expect(service).not.toHaveProperty("type");
  expect(trusted).toBe("private");
});

test("a pod is given longer to leave than it takes to drain", () => {
  const env = configMap("openclaw-gateway-env")?.data ?? {};
  for (const { metadata, spec } of deployments) {
    const pod = spec?.template.spec;
    const [container] = pod?.containers ?? [];
    const [, waitS = "0"] = container?.lifecycle?.preStop?.exec?.command ?? [];
    const drainMs = Number(
      env[metadata?.name === "openclaw-edge" ? "EDGE_DRAIN_MS" : "WORKER_DRAIN_MS"],
    );
    const needsS = Number(waitS) + drainMs / 1_000 + 5;
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needsS);
  }
});

test("the gateway.config.json is sound", () => {
  const text = configMap("openclaw-gateway-config")?.data?.["gateway.config.json"] ?? "";
  const env = { ZHIPU_API_KEY: "z", NVIDIA2_API_KEY: "n" };
  const { providers } = parseGatewayConfig(JSON.parse(text), { source: "the manifest", env });
  expect(Object.keys(providers)).toEqual(["zhipu", "nvidia2"]);
});
