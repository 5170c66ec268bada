import { ApiError, type Status } from "../errors.ts";
import type { Resource } from "../api/resources.ts";
import type { Client, DeleteParams, Named, Patch, RequestOptions, WriteParams } from "./client.ts";
import type { KubeList } from "../meta/object.ts";
import { collectionPath, objectPath, withQuery } from "./paths.ts";
import type { Transport, WireResponse } from "./transport.ts";

const JSON_TYPE = "application/json";
const PATCH_TYPES: Readonly<Record<Patch["type"], string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

const parse = (bytes: Uint8Array): unknown =>
  JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());

/** Turns a non-2xx answer into the ApiError it describes. */
function failure(response: WireResponse): ApiError {
  try {
    const status = parse(response.body) as Partial<Status> | null;
    if (status?.kind === "Status" && typeof status.code === "number") return ApiError.from(status as Status);
  } catch {
    // Not a Status: a proxy's or a broken server's answer, described below by its code.
  }
  const text = Buffer.from(response.body).toString().slice(0, 200);
  return new ApiError(response.status, "Unknown", `the server answered ${response.status}: ${text}`);
}

const writeQuery = (params: WriteParams | undefined): Record<string, string | undefined> => ({
  dryRun: params?.dryRun ? "All" : undefined,
  fieldManager: params?.fieldManager,
});

const deleteBody = (params: DeleteParams): string =>
  JSON.stringify({
    kind: "DeleteOptions",
    apiVersion: "v1",
    gracePeriodSeconds: params.gracePeriodSeconds,
    propagationPolicy: params.propagationPolicy,
    preconditions: params.preconditions,
  });

/** The typed client over any transport. */
export function createRestClient(transport: Transport): Client {
  const send = async (
    method: string,
    path: string,
    options: RequestOptions | undefined,
    content?: { readonly type: string; readonly body: string | Uint8Array },
  ): Promise<WireResponse> => {
    const headers: Record<string, string> = { accept: JSON_TYPE };
    if (content) headers["content-type"] = content.type;
    if (options?.traceparent) headers["traceparent"] = options.traceparent;
    const response = await transport({ method, path, headers, body: content?.body, signal: options?.signal });
    if (response.status < 200 || response.status > 299) throw failure(response);
    return response;
  };
  const sendJson = async <T>(
    method: string,
    path: string,
    options: RequestOptions | undefined,
    body?: object,
  ): Promise<T> =>
    parse(
      (await send(method, path, options, body && { type: JSON_TYPE, body: JSON.stringify(body) })).body,
    ) as T;

  return {
    get: <T>(resource: Resource<T>, at: Named, options?: RequestOptions) =>
      sendJson<T>("GET", objectPath(resource, at), options),
    list: <T>(resource: Resource<T>, params: Parameters<Client["list"]>[1] = {}) => {
      const { namespace, labelSelector, fieldSelector, limit, resourceVersion } = params;
      const query = { labelSelector, fieldSelector, limit, resourceVersion, continue: params.continue };
      return sendJson<KubeList<T>>("GET", withQuery(collectionPath(resource, namespace), query), params);
    },
    create: <T>(resource: Resource<T>, object: T & object, params?: WriteParams) => {
      const { namespace, name } = namedOf(object);
      const path = params?.subresource
        ? objectPath(resource, { name, namespace }, params.subresource)
        : collectionPath(resource, namespace);
      return sendJson<T>("POST", withQuery(path, writeQuery(params)), params, object);
    },
    update: <T>(resource: Resource<T>, object: T & object, params?: WriteParams) =>
      sendJson<T>(
        "PUT",
        withQuery(objectPath(resource, namedOf(object), params?.subresource), writeQuery(params)),
        params,
        object,
      ),
    patch: async <T>(resource: Resource<T>, at: Named, patch: Patch, params?: WriteParams) => {
      const query = { ...writeQuery(params), force: patch.type === "apply" ? patch.force : undefined };
      const path = withQuery(objectPath(resource, at, params?.subresource), query);
      const content = { type: PATCH_TYPES[patch.type], body: JSON.stringify(patch.body) };
      return parse((await send("PATCH", path, params, content)).body) as T;
    },
    delete: async (resource, at, params = {}) => {
      await send("DELETE", objectPath(resource, at), params, { type: JSON_TYPE, body: deleteBody(params) });
    },
    deleteCollection: async (resource, params) => {
      const { namespace, labelSelector, fieldSelector } = params;
      const path = withQuery(collectionPath(resource, namespace), { labelSelector, fieldSelector });
      await send("DELETE", path, params, { type: JSON_TYPE, body: deleteBody(params) });
    },
    createSubresource: <R>(
      resource: Resource<unknown>,
      at: Named,
      subresource: string,
      body: object,
      params?: WriteParams,
    ) =>
      sendJson<R>("POST", withQuery(objectPath(resource, at, subresource), writeQuery(params)), params, body),
    request: async (method, path, options = {}) => {
      const body = bodyOf(options.body);
      const headers: Record<string, string> = { accept: JSON_TYPE, ...options.headers };
      if (body !== undefined) headers["content-type"] ??= JSON_TYPE;
      if (options.traceparent) headers["traceparent"] = options.traceparent;
      const response = await transport({ method, path, headers, body, signal: options.signal });
      if (response.status < 200 || response.status > 299) throw failure(response);
      return { status: response.status, body: response.body };
    },
  };
}

const bodyOf = (body: unknown): string | Uint8Array | undefined =>
  body === undefined || typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);

function namedOf(object: object): { name: string; namespace: string | undefined } {
  const { metadata } = object as { metadata?: { name?: string; namespace?: string } };
  return { name: metadata?.name ?? "", namespace: metadata?.namespace };
}
