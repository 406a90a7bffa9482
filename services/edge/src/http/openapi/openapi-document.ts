/**
 * The OpenAPI 3.1 document of an edge: `/openapi.json`, and docs/openapi.json, which a test keeps in step.
 * Its schemas are those that validate, so it cannot say anything else than what is so.
 */
import { type Json, schemas } from "./components.ts";
import { PATHS } from "./paths.ts";

export function openApiDocument(): Json {
  return {
    openapi: "3.1.0",
    info: {
      title: "OpenClaw Streaming Gateway",
      version: "1",
      description:
        "The HTTP routes of an edge. PROTOCOL.md describes the WebSocket protocols at `/ws/stream/{session_id}`.",
    },
    servers: [{ url: "/", description: "The edge that serves this document, or any other." }],
    // Without keys of its own (`EDGE_API_KEYS`) a gateway does not look at the one that is sent.
    security: [{ bearer: [] }, { query: [] }, {}],
    tags: [
      { name: "chat", description: "The OpenAI API." },
      { name: "runs", description: "Runs that outlive the request that started them." },
      { name: "operations", description: "For those who run the gateway." },
    ],
    paths: PATHS,
    components: {
      schemas: schemas(),
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "One of the gateway's own keys." },
        query: {
          type: "apiKey",
          in: "query",
          name: "api_key",
          description: "The same, for browsers, whose WebSockets cannot have headers.",
        },
      },
    },
  };
}
