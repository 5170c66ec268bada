import type { Resource } from "../api/resources.ts";
import type { KubeList } from "../meta/object.ts";

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** W3C trace context to carry on; see meta/trace.ts. */
  readonly traceparent?: string | undefined;
}
export interface Named {
  readonly name: string;
  /** Absent or "" for cluster-scoped resources. */
  readonly namespace?: string | undefined;
}
export interface ListParams extends RequestOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
}
export interface WriteParams extends RequestOptions {
  readonly subresource?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly fieldManager?: string | undefined;
}
export interface DeleteParams extends RequestOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground" | undefined;
  readonly preconditions?:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined;
}
export type Patch =
  | { readonly type: "json"; readonly body: readonly unknown[] }
  | { readonly type: "merge"; readonly body: object }
  | { readonly type: "strategic"; readonly body: object }
  | { readonly type: "apply"; readonly body: object; readonly force?: boolean | undefined };

/**
 * The Kubernetes API, typed. Every method throws `ApiError` with the server's Status. Transport failures are retried for idempotent
 * reads only; a write whose outcome is unknown surfaces as ApiError 503/504.
 */
export interface Client {
  get<T>(resource: Resource<T>, at: Named, options?: RequestOptions): Promise<T>;
  list<T>(resource: Resource<T>, params?: ListParams): Promise<KubeList<T>>;
  create<T>(resource: Resource<T>, object: T & object, params?: WriteParams): Promise<T>;
  /** PUT; the object's namespace and name say where. Set `subresource: "status"` for status writes. */
  update<T>(resource: Resource<T>, object: T & object, params?: WriteParams): Promise<T>;
  patch<T>(resource: Resource<T>, at: Named, patch: Patch, params?: WriteParams): Promise<T>;
  delete<T>(resource: Resource<T>, at: Named, params?: DeleteParams): Promise<void>;
  deleteCollection<T>(resource: Resource<T>, params: ListParams & DeleteParams): Promise<void>;
  /** POST to a subresource with a body of another kind: binding, eviction, token. */
  createSubresource<R>(
    resource: Resource<unknown>,
    at: Named,
    subresource: string,
    body: object,
    params?: WriteParams,
  ): Promise<R>;
  /** Anything else; a non-2xx answer throws ApiError. */
  request(
    method: string,
    path: string,
    options?: RequestOptions & {
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    },
  ): Promise<{ status: number; body: Uint8Array }>;
}
