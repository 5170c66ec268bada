import { createRestClient } from "@coracle/shared/client/rest.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { createApiServer, type ApiServer, type ApiServerOptions } from "../api-server.ts";
import type { ApiRequest, UserInfo } from "../request.ts";
import { createMemoryStore } from "../store/memory.ts";

const admin: UserInfo = { username: "system:admin", groups: ["system:masters", "system:authenticated"] };

export interface InProcessApi extends ApiServer {
  /** A client that acts as somebody else. */
  clientFor(user: UserInfo): Client;
  /** Acts as `system:admin`. */
  readonly client: Client;
  readonly stop: () => Promise<void>;
}

/**
 * A whole API server in this process, on a store in memory: no TLS, no bus, no Redis. For tests of what works through the API.
 * `await using api = await startInProcess()`.
 */
export async function startInProcess(
  options: Partial<ApiServerOptions> = {},
): Promise<InProcessApi & AsyncDisposable> {
  const abort = new AbortController();
  const server = await createApiServer({ store: createMemoryStore(), ...options }, abort.signal);
  const clientFor = (user: UserInfo): Client => createRestClient(inProcessTransport(server, user));
  const stop = async (): Promise<void> => {
    abort.abort();
    await server.registry.store.close();
  };
  return { ...server, clientFor, client: clientFor(admin), stop, [Symbol.asyncDispose]: stop };
}

/** Carries a client's requests straight to `handle`. */
export function inProcessTransport(server: Pick<ApiServer, "handle">, user: UserInfo) {
  return async (request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string | Uint8Array | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<{ status: number; body: Uint8Array }> => {
    const response = await server.handle(requestOf(request, user));
    return { status: response.status, body: await readAll(response.body) };
  };
}

type Wire = Parameters<ReturnType<typeof inProcessTransport>>[0];

/** An ApiRequest as a transport would make it. */
export function requestOf(request: Wire, user: UserInfo = admin): ApiRequest {
  const url = new URL(request.path, "http://in-process");
  return {
    method: request.method,
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    headers: request.headers,
    body: typeof request.body === "string" ? Buffer.from(request.body) : (request.body ?? new Uint8Array()),
    connectionUser: user,
    remoteAddress: "127.0.0.1",
    signal: request.signal ?? new AbortController().signal,
  };
}

async function readAll(body: Uint8Array | string | AsyncIterable<Uint8Array | string>): Promise<Uint8Array> {
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  return Buffer.concat(chunks);
}
