import { ApiError, badRequest } from "@coracle/shared/errors.ts";

/** Where a paged list goes on: opaque to clients. Revision -1 continues at whatever the state is by then. */
export interface ContinueToken {
  readonly revision: number;
  /** The last key already given. */
  readonly after: string;
}

export const encodeToken = (token: ContinueToken): string =>
  Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: token.revision, start: token.after })).toString(
    "base64url",
  );

/** @throws ApiError 400 */
export function decodeToken(text: string): ContinueToken {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    throw badRequest("continue key is not valid: it is not a token of this server");
  }
  const { v, rv, start } = (value ?? {}) as { v?: unknown; rv?: unknown; start?: unknown };
  if (v !== "meta.k8s.io/v1")
    throw badRequest(
      `continue key is not valid: server does not recognize this encoded version ${JSON.stringify(v)}`,
    );
  if (!Number.isSafeInteger(rv) || rv === 0 || typeof start !== "string") {
    throw badRequest(
      "continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
    );
  }
  return { revision: rv as number, after: start };
}

/** 410 for a page whose revision is no longer kept, with a token to go on inconsistently. */
export function tokenExpired(after: string): ApiError {
  const error = new ApiError(
    410,
    "Expired",
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
  );
  Object.assign(error.status.metadata, { continue: encodeToken({ revision: -1, after }) });
  return error;
}
