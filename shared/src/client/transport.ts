/** What carries a request to an API server and its answer back: the bus or HTTPS. Both stand below the same client. */
export interface WireRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WireResponse {
  readonly status: number;
  readonly retryAfterSeconds?: number | undefined;
  readonly body: Uint8Array;
}

export type Transport = (request: WireRequest) => Promise<WireResponse>;

/** The request or its answer got lost on the way. */
export class TransportError extends Error {
  /** False: no API server can have seen the request, so that sending it again is safe. */
  readonly maybeDelivered: boolean;
  constructor(message: string, maybeDelivered: boolean, cause?: unknown) {
    super(message, { cause });
    this.name = "TransportError";
    this.maybeDelivered = maybeDelivered;
  }
}
