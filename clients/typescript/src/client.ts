// The gateway's API, typed: `client.GET("/v1/bindings/{binding_id}", ...)` and so on.

import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./gateway.js";

export type Gateway = Client<paths>;
export type Problem = components["schemas"]["Problem"];
export type Binding = components["schemas"]["Binding"];

/** A request failed; `problem` says why (RFC 9457), `problem.request_id` finds it in the log. */
export class GatewayError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | undefined,
  ) {
    super(`${status} ${problem?.code ?? ""} ${problem?.detail ?? ""}`);
  }
}

/** Signs in with the app's key and secret, or those of an API key. */
export function gateway(baseUrl: string, key: string, secret: string): Gateway {
  const authorization = `Basic ${Buffer.from(`${key}:${secret}`).toString("base64")}`;
  return createClient<paths>({
    baseUrl,
    headers: { authorization },
    fetch: (request) => fetchWithRetries(request),
  });
}

/** The answer's data. Throws a GatewayError for any other answer. */
export async function data<T>(
  request: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await request;
  if (data === undefined) {
    throw new GatewayError(response.status, error as Problem | undefined);
  }
  return data;
}

/** All of a list: `page` asks for the page behind a cursor. */
export async function* all<T>(
  page: (cursor: string | undefined) => Promise<{ data: T[]; next_cursor: string | null }>,
): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const { data, next_cursor } = await page(cursor);
    yield* data;
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined);
}

const ATTEMPTS = 5;
const LONGEST_WAIT_S = 20;
const TIMEOUT_MS = 30_000;

// A request that gets no answer, or 429, 503 or 504, is sent again with the same Idempotency-Key, so
// that it is carried out once.
async function fetchWithRetries(request: Request): Promise<Response> {
  if (request.method === "POST" || request.method === "PATCH") {
    if (!request.headers.has("idempotency-key")) {
      request.headers.set("idempotency-key", crypto.randomUUID());
    }
  }
  for (let attempt = 1; ; attempt++) {
    let waitS = Math.min(8, 0.25 * 2 ** (attempt - 1));
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(request.clone(), { signal });
      waitS = Number(response.headers.get("retry-after") ?? waitS);
      const final = ![429, 503, 504].includes(response.status) || waitS > LONGEST_WAIT_S;
      if (final || attempt === ATTEMPTS) {
        return response;
      }
    } catch (error) {
      if (attempt === ATTEMPTS) {
        throw error;
      }
    }
    await new Promise((done) => setTimeout(done, waitS * 1000 * (1 + Math.random() / 4)));
  }
}
