/** The catalogue of API errors: reason, code and message form of every Status the cluster answers. */

export interface StatusCause {
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly field?: string | undefined;
}

export interface StatusDetails {
  readonly name?: string | undefined;
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly uid?: string | undefined;
  readonly causes?: readonly StatusCause[] | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** `metav1.Status`, the body of every failed request. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Record<string, never>;
  readonly status: "Success" | "Failure";
  readonly message?: string | undefined;
  readonly reason?: string | undefined;
  readonly details?: StatusDetails | undefined;
  readonly code: number;
}

/** An error that is a `Status`. Thrown in the API server, sent as is, and thrown again by the client. */
export class ApiError extends Error {
  readonly status: Status;
  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.name = "ApiError";
    this.status = {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message,
      ...(reason ? { reason } : {}),
      ...(details ? { details } : {}),
      code,
    };
  }
  get code(): number {
    return this.status.code;
  }
  get reason(): string {
    return this.status.reason ?? "";
  }
  /** Rebuilds the error from a `Status` received over the wire. */
  static from(status: Status): ApiError {
    return new ApiError(
      status.code,
      status.reason ?? "Unknown",
      status.message ?? "unknown error",
      status.details,
    );
  }
}

/** A resource's group and plural name, printed as upstream prints it (`deployments.apps`, `pods`). */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}
export const printGroupResource = (r: GroupResource): string =>
  r.group ? `${r.resource}.${r.group}` : r.resource;

const details = (r: GroupResource, name: string): StatusDetails => ({
  ...(name ? { name } : {}),
  ...(r.group ? { group: r.group } : {}),
  kind: r.resource,
});

export const notFound = (r: GroupResource, name: string): ApiError =>
  new ApiError(404, "NotFound", `${printGroupResource(r)} "${name}" not found`, details(r, name));

/** 404 for a path no handler serves. */
export const pathNotFound = (): ApiError =>
  new ApiError(404, "NotFound", "the server could not find the requested resource", {});

export const alreadyExists = (r: GroupResource, name: string): ApiError =>
  new ApiError(409, "AlreadyExists", `${printGroupResource(r)} "${name}" already exists`, details(r, name));

/** Every name that was generated was taken; the client may ask for another one. */
export const generatedNameTaken = (r: GroupResource, name: string): ApiError =>
  new ApiError(
    409,
    "AlreadyExists",
    `${printGroupResource(r)} "${name}" already exists, the server was not able to generate a unique name for the object`,
    { ...details(r, name), retryAfterSeconds: 1 },
  );

export const conflict = (r: GroupResource, name: string, why: string): ApiError =>
  new ApiError(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${printGroupResource(r)} "${name}": ${why}`,
    details(r, name),
  );

/** The optimistic lock failed: the object changed since it was read. */
export const staleResourceVersion = (r: GroupResource, name: string): ApiError =>
  conflict(
    r,
    name,
    "the object has been modified; please apply your changes to the latest version and try again",
  );

export const forbidden = (r: GroupResource, name: string, why: string): ApiError =>
  new ApiError(
    403,
    "Forbidden",
    `${printGroupResource(r)}${name ? ` "${name}"` : ""} is forbidden: ${why}`,
    details(r, name),
  );

export const unauthorized = (why = "Unauthorized"): ApiError => new ApiError(401, "Unauthorized", why);
export const badRequest = (why: string): ApiError => new ApiError(400, "BadRequest", why);
export const expired = (why: string): ApiError => new ApiError(410, "Expired", why);
export const gone = (why: string): ApiError => new ApiError(410, "Gone", why);
export const timeout = (why: string, retryAfterSeconds = 1): ApiError =>
  new ApiError(504, "Timeout", why, retryAfterSeconds > 0 ? { retryAfterSeconds } : {});
export const internalError = (why: string): ApiError =>
  new ApiError(500, "InternalError", `Internal error occurred: ${why}`, { causes: [{ message: why }] });
/** With `retryAfterSeconds` clients send the request again, for some time; without, they are told at once. */
export const serviceUnavailable = (why: string, retryAfterSeconds = 0): ApiError =>
  retryAfterSeconds > 0
    ? new ApiError(503, "ServiceUnavailable", why, { retryAfterSeconds })
    : new ApiError(503, "ServiceUnavailable", why);
export const tooManyRequests = (why: string, retryAfterSeconds = 1): ApiError =>
  new ApiError(429, "TooManyRequests", why, { retryAfterSeconds });
export const methodNotAllowed = (r: GroupResource, verb: string): ApiError =>
  new ApiError(
    405,
    "MethodNotAllowed",
    `${verb} is not supported on resources of kind "${printGroupResource(r)}"`,
    details(r, ""),
  );
export const unsupportedMediaType = (accepted: readonly string[]): ApiError =>
  new ApiError(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
  );
export const notAcceptable = (accepted: readonly string[]): ApiError =>
  new ApiError(406, "NotAcceptable", `only the following media types are accepted: ${accepted.join(", ")}`);
export const requestEntityTooLarge = (why: string): ApiError =>
  new ApiError(413, "RequestEntityTooLarge", `Request entity is too large: ${why}`);

/** 422: the object failed validation. Causes carry the field path of each failure. */
export function invalid(
  group: string,
  kind: string,
  name: string,
  causes: readonly Required<StatusCause>[],
): ApiError {
  const lines = causes.map((c) => `${c.field}: ${c.message}`);
  const list = lines.length === 1 ? lines[0] : `[${lines.join(", ")}]`;
  const gk = group ? `${kind}.${group}` : kind;
  return new ApiError(422, "Invalid", `${gk} "${name}" is invalid: ${list}`, {
    ...(name ? { name } : {}),
    ...(group ? { group } : {}),
    ...(kind ? { kind } : {}),
    causes,
  });
}

const hasReason =
  (reason: string) =>
  (error: unknown): error is ApiError =>
    error instanceof ApiError && error.reason === reason;
export const isNotFound = hasReason("NotFound");
export const isConflict = hasReason("Conflict");
export const isAlreadyExists = hasReason("AlreadyExists");
export const isForbidden = hasReason("Forbidden");
export const isInvalid = hasReason("Invalid");
export const isExpired = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.code === 410;
