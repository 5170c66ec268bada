import type { ApiRequest, ApiResponse } from "../../request.ts";
import { respondWith } from "../respond.ts";

/** The answer to an action that has no object to show. */
export const respondSuccess = (request: ApiRequest, code = 200): ApiResponse =>
  respondWith(request, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code }, code);
