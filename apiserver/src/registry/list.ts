import { badRequest, invalid, isExpired } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../request.ts";
import { decodeToken, encodeToken, tokenExpired } from "./continue-token.ts";
import { loadItems } from "./custom.ts";
import { forbiddenField, invalidValue, notSupported, path } from "./field.ts";
import type { Call, Registry } from "./registry.ts";
import { respondList, type ListPage } from "./respond.ts";
import { readSelection } from "./select.ts";

/** Versions are unsigned numbers of 64 bits to clients, as upstream. */
const LARGEST_VERSION = 2n ** 64n - 1n;

type Match = "" | "Exact" | "NotOlderThan";

/** Which state a list shows. */
interface ListPoint {
  /** Read exactly here. */
  readonly at?: number | undefined;
  readonly after?: string | undefined;
}

/** GET of a collection. */
export async function list(registry: Registry, call: Call): Promise<ApiResponse> {
  return respondList(call.request, call.served, await listPage(registry, call));
}

/** The page of objects that a list request asks for; deletecollection works on the same. */
export async function listPage(registry: Registry, call: Call): Promise<ListPage> {
  const { request, served, info } = call;
  const selection = readSelection(served.kind, request.query, info.name);
  const limit = readLimit(request.query.get("limit"));
  const token = request.query.get("continue") ?? "";
  const point = await resolvePoint(registry, request.query, { limit, token });
  const options = {
    namespace: info.namespace,
    limit,
    ...(point.at === undefined ? {} : { atRevision: point.at }),
    ...(point.after === undefined ? {} : { after: point.after }),
    ...(selection.matches ? { matches: selection.matches } : {}),
  };
  try {
    const page =
      selection.name && point.at === undefined
        ? listOne(registry, call, selection)
        : registry.cache.list(served.kind.storage, options);
    return {
      ...page,
      items: await loadItems(served.kind, page.items),
      ...(page.next ? { continueToken: encodeToken({ revision: page.revision, after: page.next }) } : {}),
      ...(page.next && !selection.matches ? { remainingItemCount: page.remaining } : {}),
    };
  } catch (error) {
    if (isExpired(error) && token) throw tokenExpired(point.after ?? "");
    throw error;
  }
}

/** `fieldSelector=metadata.name=x` in one namespace, or in all: no need to look at the others. */
function listOne(
  registry: Registry,
  { served, info }: Call,
  selection: ReturnType<typeof readSelection>,
): ListPage {
  const { kind } = served;
  if (kind.namespaced && !info.namespace) {
    return registry.cache.list(kind.storage, selection.matches ? { matches: selection.matches } : {});
  }
  const namespace = kind.namespaced ? info.namespace : "";
  const item = registry.cache.get({ resource: kind.storage, namespace, name: selection.name });
  const items = item && (selection.matches?.(item) ?? true) ? [item] : [];
  return { revision: registry.cache.revision, items };
}

function readLimit(text: string | null): number {
  if (!text) return 0;
  const limit = Number(text);
  if (!Number.isSafeInteger(limit))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (limit < 0) throw badRequest("limit must not be negative");
  return limit;
}

/** Applies the rules of resourceVersion, resourceVersionMatch and continue. @throws ApiError 400, 410, 422, 504 */
async function resolvePoint(
  registry: Registry,
  query: URLSearchParams,
  { limit, token }: { limit: number; token: string },
): Promise<ListPoint> {
  const version = query.get("resourceVersion") ?? "";
  const match = readMatch(query, version);
  if (query.has("sendInitialEvents")) {
    throw invalidOption(forbiddenField(path("sendInitialEvents"), "sendInitialEvents is forbidden for list"));
  }
  if (token) {
    if (version && version !== "0") {
      throw badRequest("specifying resource version is not allowed when using continue");
    }
    const { revision, after } = decodeToken(token);
    if (revision < 0) {
      await registry.cache.waitFor(await registry.store.revision());
      return { after };
    }
    await registry.cache.waitFor(revision);
    return { at: revision, after };
  }
  if (version === "") {
    await registry.cache.waitFor(await registry.store.revision());
    return {};
  }
  const revision = parseVersion(version);
  if (revision === 0) return {};
  await registry.cache.waitFor(revision);
  const exact = match === "Exact" || (match === "" && limit > 0);
  return exact ? { at: revision } : {};
}

const invalidOption = (error: ReturnType<typeof forbiddenField>) =>
  invalid("meta.k8s.io", "ListOptions", "", [error]);

function readMatch(query: URLSearchParams, version: string): Match {
  const match = query.get("resourceVersionMatch") ?? "";
  const at = path("resourceVersionMatch");
  if (match === "") return "";
  if (version === "" && !query.has("sendInitialEvents")) {
    throw invalidOption(
      forbiddenField(at, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
    );
  }
  if (query.get("continue")) {
    throw invalidOption(forbiddenField(at, "resourceVersionMatch is forbidden when continue is provided"));
  }
  if (match !== "Exact" && match !== "NotOlderThan") {
    throw invalidOption(notSupported(at, match, ["Exact", "NotOlderThan"]));
  }
  if (match === "Exact" && version === "0") {
    throw invalidOption(
      forbiddenField(at, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
    );
  }
  return match;
}

/**
 * A revision that no store has reached yet is a number all the same: who reads at it waits, and hears 504.
 * @throws ApiError 422 for what is not an unsigned number of 64 bits
 */
export function parseVersion(text: string): number {
  const digits = /^\d+$/.test(text);
  if (digits && BigInt(text) <= LARGEST_VERSION) return Number(text);
  const why = digits ? "value out of range" : "invalid syntax";
  throw invalid("meta.k8s.io", "ListOptions", "", [
    invalidValue(path("resourceVersion"), text, `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`),
  ]);
}
