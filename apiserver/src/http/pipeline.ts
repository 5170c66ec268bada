import { ApiError, internalError, pathNotFound } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { Audit, AuditRecord } from "../audit/audit.ts";
import type { Aggregate } from "../aggregation/aggregation.ts";
import { withAnnotations } from "../audit/context.ts";
import { denied } from "../authz/denied.ts";
import { hasSubresource } from "../discovery/groups.ts";
import type { Classify, Flow } from "../flowcontrol/classify.ts";
import type { FlowControl } from "../flowcontrol/flow-control.ts";
import type { ApiRequest, ApiResponse, Handle, RequestInfo, UserInfo } from "../request.ts";
import type { Authorize, Call, Registry } from "../registry/registry.ts";
import { respondStatus } from "../registry/respond.ts";
import { route } from "../registry/route.ts";
import { audited } from "./audited.ts";
import { allottedMs, within } from "./deadline.ts";
import { prettified } from "./pretty.ts";
import { parseRequestInfo } from "./request-info.ts";

export type Authenticate = (request: ApiRequest) => UserInfo | Promise<UserInfo>;
/** The user a request is made as: its own or, when it may, the one that its Impersonate-* headers name. */
export type Impersonate = (
  headers: ApiRequest["headers"],
  user: UserInfo,
  authorize: Authorize,
  request: RequestInfo,
) => UserInfo;
/** Paths that are not resources: discovery, version, health. Undefined when it serves no such path. */
export type NonResourceHandler = (
  request: ApiRequest,
  user: UserInfo,
) => ApiResponse | Promise<ApiResponse> | undefined;

/** Told of every request when it arrives. @returns what is told of its answer, and what it counts as */
export type Observe = (
  info: RequestInfo,
  request: ApiRequest,
) => (counted: RequestInfo, response: ApiResponse) => void;

export interface PipelineParts {
  readonly registry: Registry;
  readonly authenticate: Authenticate;
  readonly impersonate?: Impersonate | undefined;
  readonly nonResource: NonResourceHandler;
  /** Lets requests begin as their priority level has room. */
  readonly flowControl?: FlowControl | undefined;
  /** Which FlowSchema a request falls under. */
  readonly classify?: Classify | undefined;
  /** Answers what another server answers for. */
  readonly aggregate?: Aggregate | undefined;
  readonly audit?: Audit | undefined;
  readonly log?: Logger | undefined;
  /** For metrics. */
  readonly observe?: Observe | undefined;
}

export interface Pipeline {
  readonly handle: Handle;
  /**
   * The chain up to the handler, for connections that leave HTTP (exec, attach, port-forward).
   * @throws ApiError 401, 403, 404, and what `serve` throws
   */
  enter(request: ApiRequest, serve: ServeUpgrade): Promise<void>;
}

/** Serves a connection to its end. `started` is to be called when it has left HTTP. @returns the status that it was answered with */
export type ServeUpgrade = (call: Call, started: () => void) => Promise<number>;

/** The chain that every request goes through, whatever its transport, from top to bottom. */
export function createPipeline(parts: PipelineParts): Pipeline {
  return {
    async handle(request) {
      const info = parseRequestInfo(request.method, request.path, request.query);
      const answered = parts.observe?.(info, request);
      const record = parts.audit?.(request, info);
      const response = await answer(parts, { request, info, record });
      answered?.(counted(parts.registry, info), response);
      return record ? audited(record, request, response) : response;
    },
    async enter(request, serveUpgrade) {
      const info = parseRequestInfo(request.method, request.path, request.query);
      const record = parts.audit?.(request, info);
      try {
        const user = await identify(parts, { request, info, record });
        const { call } = callOf(parts.registry, { request, info, user });
        const started = (): void => record?.started(101);
        const code = await withAnnotations(annotateOn(record), () => serveUpgrade(call, started));
        record?.completed({ code });
      } catch (error) {
        const refused = asApiError(parts, request, error);
        record?.completed({ code: refused.code, status: refused.status });
        throw refused;
      }
    },
  };
}

const isServed = (registry: Registry, info: RequestInfo): boolean =>
  info.isResource && registry.resources.find(info.group, info.version, info.resource) !== undefined;
/** As what a request counts: a resource or subresource that is not served must not make a new series. */
function counted({ resources }: Registry, info: RequestInfo): RequestInfo {
  if (!info.isResource) return info;
  const { group, version, resource, subresource } = info;
  const served = resources.find(group, version, resource);
  const known = served && (!subresource || hasSubresource(served.kind, version, subresource));
  return known ? info : { ...info, isResource: false };
}

interface Arrived {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  readonly record?: AuditRecord | undefined;
}

async function answer(parts: PipelineParts, arrived: Arrived): Promise<ApiResponse> {
  const { request, info } = arrived;
  let flow: Flow | undefined;
  try {
    const allotted = allottedMs(request, info);
    const user = await identify(parts, arrived, (who) => (flow = parts.classify?.(who, info)));
    const entered = parts.flowControl?.enter({ flow, user, info, signal: request.signal });
    // Most begin at once, and need not wait for a turn of the event loop.
    const leave = entered instanceof Promise ? await entered : entered;
    try {
      const annotate = annotateOn(arrived.record);
      const work = withAnnotations(annotate, () => serve(parts, { request, info, user }));
      return inFlow(flow, prettified(request, await within(allotted, work)));
    } finally {
      leave?.();
    }
  } catch (error) {
    const refusal = respondStatus(request, asApiError(parts, request, error).status);
    return inFlow(flow, prettified(request, refusal));
  }
}

const annotateOn = (record: AuditRecord | undefined) =>
  record && ((key: string, value: string): void => record.annotate(key, value));

/** Tells the client which FlowSchema and priority level its request fell under. */
const inFlow = (flow: Flow | undefined, response: ApiResponse): ApiResponse =>
  flow === undefined
    ? response
    : {
        ...response,
        headers: {
          ...response.headers,
          "x-kubernetes-pf-flowschema-uid": flow.schema,
          "x-kubernetes-pf-prioritylevel-uid": flow.level,
        },
      };

/** Who asks, and whether they may. `classified` is told who before the second question. @throws ApiError 401, 403 */
async function identify(
  parts: PipelineParts,
  { request, info, record }: Arrived,
  classified?: (user: UserInfo) => void,
): Promise<UserInfo> {
  const { authorize } = parts.registry;
  const own = await authenticated(parts, { request, info, record });
  record?.identified(own);
  const user = asksToImpersonate(request.headers)
    ? (parts.impersonate?.(request.headers, own, authorize, info) ?? own)
    : own;
  if (user !== own) record?.impersonated(user);
  classified?.(user);
  const decision = authorize(user, info);
  record?.annotate("authorization.k8s.io/decision", decision.allowed ? "allow" : "forbid");
  record?.annotate("authorization.k8s.io/reason", decision.reason);
  if (!decision.allowed) throw denied(user, info, decision.reason);
  return user;
}

async function authenticated(parts: PipelineParts, { request, record }: Arrived): Promise<UserInfo> {
  try {
    return await parts.authenticate(request);
  } catch (error) {
    record?.unauthenticated();
    throw error;
  }
}

function asksToImpersonate(headers: ApiRequest["headers"]): boolean {
  for (const name in headers) if (name.startsWith("impersonate-")) return true;
  return false;
}

function asApiError({ log }: PipelineParts, request: ApiRequest, error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (request.signal.aborted) return new ApiError(499, "ClientClosed", "the client went away");
  log?.error({ err: error, method: request.method, path: request.path }, "request failed");
  return internalError(error instanceof Error ? error.message : String(error));
}

interface Asked {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  readonly user: UserInfo;
}

async function serve(parts: PipelineParts, asked: Asked): Promise<ApiResponse> {
  const remote = parts.aggregate?.(asked.request, asked.user);
  if (remote) return remote;
  if (!asked.info.isResource) {
    const response = parts.nonResource(asked.request, asked.user);
    if (!response) throw pathNotFound();
    return response;
  }
  const { registry } = parts;
  // A definition may have been established a moment ago, as another server has told the client.
  if (!isServed(registry, asked.info)) await registry.cache.waitFor(await registry.store.revision());
  const { call, warnings } = callOf(registry, asked);
  const response = await route(call)(parts.registry, call);
  return warnings.length > 0 ? withWarnings(response, warnings) : response;
}

/** @throws ApiError 404 for a resource that is not served */
function callOf(registry: Registry, { request, info, user }: Asked): { call: Call; warnings: string[] } {
  const served = registry.resources.find(info.group, info.version, info.resource);
  // In a namespace there is nothing of cluster scope: who may do anything there must not come to the cluster's own objects by it.
  if (!served || (info.namespace && !served.kind.namespaced && info.resource !== "namespaces"))
    throw pathNotFound();
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const deprecation = served.kind.deprecation ?? served.kind.custom?.deprecation;
  if (deprecation) warn(deprecation);
  return { call: { request, info, user, served, warn, pathHasName: namesObject(request, info) }, warnings };
}

/** Whether the name comes from the path; a field selector may name an object too. */
function namesObject(request: ApiRequest, info: RequestInfo): boolean {
  if (info.name === "") return false;
  if (info.verb !== "list" && info.verb !== "watch") return true;
  const path = request.path.endsWith("/") ? request.path.slice(0, -1) : request.path;
  return path.endsWith(`/${info.resource}/${info.name}`);
}

/** RFC 7234 warnings, agent 299 as upstream. */
function withWarnings(response: ApiResponse, warnings: readonly string[]): ApiResponse {
  const unique = [...new Set(warnings)];
  const warning = unique.map(
    (text) => `299 - "${text.replaceAll(/[\\"]/g, "\\$&").replaceAll(/[^\x20-\x7e]/g, " ")}"`,
  );
  return { ...response, headers: { ...response.headers, warning: warning.join(", ") } };
}
