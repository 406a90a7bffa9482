/**
 * The OpenAPI 3.1 document of an edge: `/openapi.json`, and docs/openapi.json, which a test keeps in step. Its
 * schemas are the ones that validate requests, so it cannot differ from the code.
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
    // A gateway without keys (`EDGE_API_KEYS`) ignores the key of a request.
    security: [{ bearer: [] }, { query: [] }, {}],
    tags: [
      { name: "chat", description: "The OpenAI API." },
      { name: "runs", description: "Runs that outlive the request that started them." },
      { name: "operations", description: "For operators of the gateway." },
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
