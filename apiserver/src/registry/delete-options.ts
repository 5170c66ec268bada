import { badRequest, invalid } from "@coracle/shared/errors.ts";
import type { DeleteOptions } from "@coracle/shared/api/generated/meta-v1.ts";
import type { ApiRequest } from "../request.ts";
import { decodeAs, parseBody } from "../schema/body.ts";
import { schemaFor } from "../schema/registry.ts";
import { invalidValue, notSupported, path, type FieldError } from "./field.ts";
import { dryRunErrors } from "./options.ts";

export type Propagation = "Orphan" | "Background" | "Foreground";

export interface Deletion {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds: number | undefined;
  readonly propagation: Propagation | undefined;
  /** Asked for with the old `orphanDependents: false`: upstream answers 202 to that while the object remains. */
  readonly cascading?: boolean | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

const policies: readonly string[] = ["Foreground", "Background", "Orphan"];

/** Reads DeleteOptions from the body, or from the query when there is none. @throws ApiError 400, 422 */
export function deletionOf(request: ApiRequest): Deletion {
  const options = request.body.byteLength > 0 ? fromBody(request) : {};
  const fromQuery = request.body.byteLength > 0 ? {} : readQuery(request.query);
  return validateDeletion({ ...options, ...fromQuery });
}

function fromBody(request: ApiRequest): DeleteOptions {
  const node = schemaFor("", "v1", "DeleteOptions");
  if (!node) throw new Error("the schema has no DeleteOptions");
  const parsed = parseBody(request.body, request.headers["content-type"], false);
  if (parsed.value === null) return {};
  const kind = (parsed.value as { kind?: unknown }).kind;
  if (typeof kind === "string" && kind !== "" && kind !== "DeleteOptions") {
    throw badRequest(`decoded object cannot be converted to DeleteOptions`);
  }
  return decodeAs({ node, apiVersion: "v1", kind: "DeleteOptions" }, parsed, "Ignore").object;
}

function readQuery(query: URLSearchParams): DeleteOptions {
  const grace = query.get("gracePeriodSeconds");
  const policy = query.get("propagationPolicy");
  const orphan = query.get("orphanDependents");
  const dryRun = query.getAll("dryRun").filter((v) => v !== "");
  if (grace && !/^-?\d+$/.test(grace)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`);
  }
  return {
    ...(grace ? { gracePeriodSeconds: Number(grace) } : {}),
    ...(policy ? { propagationPolicy: policy } : {}),
    ...(orphan === null ? {} : { orphanDependents: orphan !== "false" }),
    ...(dryRun.length > 0 ? { dryRun } : {}),
  };
}

/** @throws ApiError 422 */
export function validateDeletion(options: DeleteOptions): Deletion {
  const { propagationPolicy: policy, orphanDependents: orphan, gracePeriodSeconds, preconditions } = options;
  const errors: FieldError[] = [...dryRunErrors(options.dryRun ?? [])];
  const at = path("propagationPolicy");
  if (policy !== undefined && policy !== "" && orphan !== undefined) {
    errors.push(invalidValue(at, policy, "orphanDependents and deletionPropagation cannot be both set"));
  }
  if (policy && !policies.includes(policy)) errors.push(notSupported(at, policy, [...policies, "nil"]));
  if (errors.length > 0) throw invalid("meta.k8s.io", "DeleteOptions", "", errors);
  const old: Propagation | undefined = orphan === undefined ? undefined : orphan ? "Orphan" : "Background";
  return {
    dryRun: (options.dryRun ?? []).length > 0,
    gracePeriodSeconds,
    propagation: policy ? (policy as Propagation) : old,
    cascading: orphan === false,
    uid: preconditions?.uid,
    resourceVersion: preconditions?.resourceVersion,
  };
}
