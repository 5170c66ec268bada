import { ApiError } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../request.ts";
import type { Call, Registry } from "./registry.ts";

/** The code of one verb. */
export type Handler = (registry: Registry, call: Call) => Promise<ApiResponse>;

export const allVerbs: readonly string[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];

/** 405: the path exists, the method does not work on it. */
export const methodNotServed = (): ApiError =>
  new ApiError(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    {},
  );
