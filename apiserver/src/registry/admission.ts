import { internalError } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Kind } from "./kind.ts";
import type { AdmissionRequest, BodyKind, Registry } from "./registry.ts";
import type { UserInfo } from "../request.ts";

export interface AdmissionScope {
  readonly operation: AdmissionRequest["operation"];
  readonly kind: Kind;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly options?: object | undefined;
  /** See {@link AdmissionRequest}. */
  readonly body?: BodyKind | undefined;
  readonly version?: string | undefined;
  readonly warn: (message: string) => void;
}

const toRequest = (
  scope: AdmissionScope,
  object: KubeObject | undefined,
  oldObject: KubeObject | undefined,
): AdmissionRequest => ({
  operation: scope.operation,
  kind: scope.kind,
  resource: scope.kind.plural,
  subresource: scope.subresource,
  namespace: scope.namespace,
  name: scope.name,
  user: scope.user,
  dryRun: scope.dryRun,
  warn: scope.warn,
  ...(scope.options ? { options: scope.options } : {}),
  ...(scope.body ? { body: scope.body } : {}),
  ...(scope.version ? { version: scope.version } : {}),
  ...(object ? { object } : {}),
  ...(oldObject ? { oldObject } : {}),
});

/** Lets the mutating plugins change a write; @returns the object as they left it. */
export async function admitMutate(
  registry: Registry,
  scope: AdmissionScope,
  object: KubeObject,
  old?: KubeObject,
): Promise<KubeObject> {
  const request = toRequest(scope, object, old);
  const pending = registry.admit("mutate", request);
  if (pending) await pending;
  if (!request.object) throw internalError("admission removed the object");
  return request.object;
}

/** Lets the validating plugins refuse a write. */
export async function admitValidate(
  registry: Registry,
  scope: AdmissionScope,
  object?: KubeObject,
  old?: KubeObject,
): Promise<void> {
  const pending = registry.admit("validate", toRequest(scope, object, old));
  if (pending) await pending;
}
