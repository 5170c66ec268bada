import { invalid } from "@coracle/shared/errors.ts";
import type { ApiRequest } from "../request.ts";
import type { FieldValidation } from "../schema/body.ts";
import { GoStrings, invalidValue, notSupported, path, tooLong, type FieldError } from "./field.ts";

export interface GivenOptions {
  readonly fieldManager?: string;
  readonly fieldValidation?: string;
}

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  /** Apply patches only. */
  readonly force: boolean;
  /** Those that admission is told of, as the client gave them. */
  readonly given: GivenOptions;
}

const validations = ["Ignore", "Strict", "Warn"] as const;
const meta = "meta.k8s.io";

/** @returns errors of `dryRun`, whose only value is `All`. */
export const dryRunErrors = (values: readonly string[]): FieldError[] =>
  values.filter((v) => v !== "All").map(() => notSupported(path("dryRun"), new GoStrings(values), ["All"]));

/** The options of create, update and patch requests. @throws ApiError 422 */
export function writeOptions(
  request: ApiRequest,
  kind: "CreateOptions" | "UpdateOptions" | "PatchOptions",
): WriteOptions {
  const { query } = request;
  const dryRun = query.getAll("dryRun").filter((v) => v !== "");
  const manager = query.get("fieldManager") ?? "";
  const asked = query.get("fieldValidation") ?? "";
  const validation = asked || "Warn";
  const errors = dryRun.length > 0 ? dryRunErrors(dryRun) : [];
  if (manager) errors.push(...fieldManagerErrors(manager));
  const fieldValidation = validations.find((v) => v === validation);
  if (!fieldValidation) errors.push(notSupported(path("fieldValidation"), validation, ["", ...validations]));
  if (errors.length > 0) throw invalid(meta, kind, "", errors);
  return {
    dryRun: dryRun.length > 0,
    fieldManager: manager || managerFromUserAgent(request.headers["user-agent"]),
    fieldValidation: fieldValidation ?? "Warn",
    force: isTrue(query.get("force")),
    given: { ...(manager ? { fieldManager: manager } : {}), ...(asked ? { fieldValidation: asked } : {}) },
  };
}

function fieldManagerErrors(manager: string): FieldError[] {
  const at = path("fieldManager");
  if (Buffer.byteLength(manager) > 128) return [tooLong(at, 128)];
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/.test(manager)
    ? [invalidValue(at, manager, "should only contain printable characters")]
    : [];
}

/** `kubectl/v1.35.2 (linux/amd64)` → `kubectl`. */
function managerFromUserAgent(agent: string | undefined): string {
  const manager = (agent ?? "").split("/", 1)[0]?.slice(0, 128) ?? "";
  return manager || "unknown";
}

/** Go's reading of a boolean query parameter: present without a value is true. */
export const isTrue = (value: string | null): boolean =>
  value !== null && value !== "false" && value !== "0" && value !== "False" && value !== "FALSE";
