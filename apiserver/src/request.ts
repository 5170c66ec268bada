/** The one request shape behind both transports, and who is asking. */

export interface UserInfo {
  readonly username: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

export interface ApiRequest {
  /** GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS. */
  readonly method: string;
  /** Decoded path without query: `/api/v1/namespaces/default/pods`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The query as the client wrote it, without the question mark: for what is handed on to others. */
  readonly rawQuery?: string | undefined;
  /** Lower-case names. Repeated ones are joined by commas, those of impersonation by line feeds. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  /** Set by transports that authenticate the connection itself (NATS subject, client certificate); else authn decides from headers. */
  readonly connectionUser?: UserInfo | undefined;
  readonly remoteAddress: string;
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a proxied answer: the one header that cannot be joined when it is repeated. */
  readonly cookies?: readonly string[] | undefined;
  /** A stream is a watch or a log: each chunk is flushed at once; ending the iteration ends the response. */
  readonly body: Uint8Array | string | AsyncIterable<Uint8Array | string>;
  /** Aborted when a stream is over because its client does not read: it gets a moment more, not the connection for ever. */
  readonly overdue?: AbortSignal | undefined;
}

/** The API path, taken apart once (upstream's RequestInfo). */
export interface RequestInfo {
  readonly isResource: boolean;
  /** get, list, watch, create, update, patch, delete, deletecollection; for non-resource paths the lower-case method. */
  readonly verb: string;
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** What follows the subresource in the path (`…/proxy/healthz` → `healthz`); "" otherwise. */
  readonly subpath?: string | undefined;
  /** Of a list, watch or deletecollection: what authorizers may take into account. */
  readonly fieldSelector?: string | undefined;
}

/** The one way into the API, whatever the transport. It never rejects: failures are answers with a `Status` body. */
export type Handle = (request: ApiRequest) => Promise<ApiResponse>;
