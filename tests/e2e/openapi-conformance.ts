/** Whether what an edge really answers is what its own OpenAPI document says. */
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { z } from "zod";

const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({ responses: z.json() }))),
});

export class OpenApiConformance {
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #document: z.infer<typeof documentSchema>;

  private constructor(document: unknown) {
    this.#document = documentSchema.parse(document);
    this.#ajv.addSchema(this.#document, "openapi");
  }

  static async of(host: string): Promise<OpenApiConformance> {
    const response = await fetch(`http://${host}/openapi.json`);
    return new OpenApiConformance(await response.json());
  }

  /**
   * @param operation such as `GET /v1/runs/{run}`
   * @param body of the response, parsed; for a stream, the data of one event
   * @throws Error that says what is not as described
   */
  check(operation: string, response: Response, body: unknown): void {
    const [method = "", path = ""] = operation.split(" ");
    const [type = ""] = (response.headers.get("content-type") ?? "").split(";");
    const steps = ["paths", path, method.toLowerCase(), "responses", String(response.status)];
    if (!(method.toLowerCase() in (this.#document.paths[path] ?? {}))) {
      throw new Error(`${operation} is not described`);
    }
    const content = type === "" ? [] : ["content", type, "schema"];
    const validate = this.#ajv.getSchema(`openapi#${pointer([...steps, ...content])}`);
    if (!validate) throw new Error(`${operation}: ${response.status} ${type} is not described`);
    if (type !== "" && validate(body) !== true) {
      throw new Error(`${operation}: ${response.status} ${inWords(validate.errors ?? [])}`);
    }
  }
}

function pointer(steps: readonly string[]): string {
  const escaped = steps.map((step) => step.replaceAll("~", "~0").replaceAll("/", "~1"));
  return escaped.map((step) => `/${encodeURIComponent(step)}`).join("");
}

function inWords(errors: readonly ErrorObject[]): string {
  return errors.map(({ instancePath, message }) => `${instancePath} ${message}`).join("; ");
}
