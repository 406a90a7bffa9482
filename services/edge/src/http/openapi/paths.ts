/** The requests that an edge answers over HTTP. */
import type { Json } from "./components.ts";
import { eventStream, json, refusals, response } from "./responses.ts";

const POSITION = { type: "string", pattern: "^\\d{1,15}-\\d{1,15}$" };

/** A failure that a provider or the gateway may have before an answer begins. */
const ANY_REFUSAL = refusals(400, 401, 404, 408, 409, 413, 415, 429, 500, 502, 503, 504);

const run = {
  name: "run",
  in: "path",
  required: true,
  description: "The run's id. A client that knows it may read and cancel the run.",
  schema: { type: "string" },
};

const chat: Json = {
  post: {
    operationId: "createChatCompletion",
    tags: ["chat"],
    summary: "Answer a conversation, as the OpenAI API does",
    description:
      "A request that is aborted cancels its run. A stream that was begun ends with one error event, and without `[DONE]`, where its answer fails.",
    requestBody: { required: true, content: json("ChatCompletionRequest") },
    responses: {
      200: response("The answer. A stream ends with `data: [DONE]`.", {
        ...json("ChatCompletion"),
        ...eventStream("ChatChunk"),
      }),
      ...ANY_REFUSAL,
    },
  },
};

const models: Json = {
  get: {
    operationId: "listModels",
    tags: ["chat"],
    summary: "The names that can be asked for as `model`",
    responses: { 200: response("All of them.", json("ModelList")), ...refusals(401, 500) },
  },
};

const model: Json = {
  get: {
    operationId: "getModel",
    tags: ["chat"],
    summary: "Whether a name can be asked for as `model`",
    parameters: [
      {
        name: "model",
        in: "path",
        required: true,
        description: "May have slashes.",
        schema: { type: "string" },
      },
    ],
    responses: { 200: response("It can.", json("Model")), ...refusals(401, 404, 500) },
  },
};

const startRun: Json = {
  post: {
    operationId: "startRun",
    tags: ["runs"],
    summary: "Start a run that goes on by itself",
    description: "The run is answered even if no client reads it, and even if its edge dies.",
    requestBody: { required: true, content: json("RunRequest") },
    responses: {
      202: response("It is on its queue.", json("AcceptedRun"), ["location", "x-request-id"]),
      ...refusals(400, 401, 404, 408, 413, 415, 500, 503),
    },
  },
};

const readRun: Json = {
  get: {
    operationId: "getRun",
    tags: ["runs"],
    summary: "The state, timings and text so far of a run, however it began",
    parameters: [run],
    responses: {
      200: response("How it fares.", json("Run")),
      ...refusals(401, 404, 500, 503),
    },
  },
};

const runEvents: Json = {
  get: {
    operationId: "readRunEvents",
    tags: ["runs"],
    summary: "Follow a run, from its beginning or behind a position",
    description:
      "The `id` of an event is its position, its name the `type` in its data. The last one is `done`, `error` or `cancelled`; a stream that ends without it is to be asked for again, behind the last id.",
    parameters: [
      run,
      {
        name: "Last-Event-ID",
        in: "header",
        description: "The id of the last event that the client has.",
        schema: POSITION,
      },
      {
        name: "after",
        in: "query",
        description: "The same, for clients that cannot set headers.",
        schema: POSITION,
      },
    ],
    responses: {
      200: response("The events.", eventStream("RunEvent")),
      204: response("The run is over and the client has its last event: do not come back."),
      ...refusals(400, 401, 404, 500, 503),
    },
  },
};

const cancelRun: Json = {
  post: {
    operationId: "cancelRun",
    tags: ["runs"],
    summary: "End a run",
    description: "Once more changes nothing.",
    parameters: [run],
    responses: {
      200: response("How it ended.", json("CancelledRun")),
      ...refusals(401, 404, 500, 503),
    },
  },
};

const health: Json = {
  get: {
    operationId: "getHealth",
    tags: ["operations"],
    summary: "Whether this edge can serve",
    // A load balancer has no key.
    security: [],
    responses: {
      200: response("It can.", json("Health")),
      503: response("It cannot.", json("Health")),
      ...refusals(),
    },
  },
};

const stats: Json = {
  get: {
    operationId: "getStats",
    tags: ["operations"],
    summary: "The figures of the whole cluster, from any edge",
    responses: {
      200: response("The figures.", json("Stats")),
      ...refusals(401, 503),
    },
  },
};

export const PATHS: Json = {
  "/v1/chat/completions": chat,
  "/v1/models": models,
  "/v1/models/{model}": model,
  "/v1/runs": startRun,
  "/v1/runs/{run}": readRun,
  "/v1/runs/{run}/events": runEvents,
  "/v1/runs/{run}/cancel": cancelRun,
  "/health": health,
  "/stats": stats,
};
