/** The schemas that validate, as OpenAPI 3.1 has them: it takes JSON Schema 2020-12 unchanged. */
import {
  acceptedRunSchema,
  apiErrorSchema,
  cancelledRunSchema,
  chatChunkSchema,
  chatCompletionRequestSchema,
  chatCompletionSchema,
  conversationMessageSchema,
  modelListSchema,
  modelSchema,
  runEventSchema,
  runRequestSchema,
  runSchema,
} from "@openclaw/protocol";
import { z } from "zod";
import { healthSchema, statsSchema } from "./operator-schemas.ts";

/** What clients send. */
const REQUESTS = {
  ChatCompletionRequest: chatCompletionRequestSchema,
  Message: conversationMessageSchema,
  RunRequest: runRequestSchema,
} as const;

/** What clients receive. */
const RESPONSES = {
  ChatCompletion: chatCompletionSchema,
  ChatChunk: chatChunkSchema,
  Model: modelSchema,
  ModelList: modelListSchema,
  AcceptedRun: acceptedRunSchema,
  Run: runSchema,
  RunEvent: runEventSchema,
  CancelledRun: cancelledRunSchema,
  Error: apiErrorSchema,
  Health: healthSchema,
  Stats: statsSchema,
} as const;

export type SchemaName = keyof typeof REQUESTS | keyof typeof RESPONSES;
export type Json = Readonly<Record<string, unknown>>;

export function ref(name: SchemaName): { readonly $ref: string } {
  return { $ref: pathOf(name) };
}

/** All schemas by their names. Schemas within others are references. */
export function schemas(): Record<string, Json> {
  return { ...converted(REQUESTS, "input"), ...converted(RESPONSES, "output") };
}

function converted(
  named: Readonly<Record<string, z.ZodType>>,
  io: "input" | "output",
): Record<string, Json> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas: all } = z.toJSONSchema(registry, { io, uri: pathOf });
  const entries = Object.entries(all).map(([name, { $schema: _, $id: __, ...schema }]) => [
    name,
    schema,
  ]);
  return Object.fromEntries(entries);
}

function pathOf(name: string): string {
  return `#/components/schemas/${name}`;
}
