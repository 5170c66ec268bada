import { ApiError, forbidden, internalError, pathNotFound } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { ApiRequest, ApiResponse, Handle, RequestInfo, UserInfo } from "../request.ts";
import type { Call, Registry } from "../registry/registry.ts";
import { respondStatus } from "../registry/respond.ts";
import { route } from "../registry/route.ts";
import { parseRequestInfo } from "./request-info.ts";

export type Authenticate = (request: ApiRequest) => UserInfo | Promise<UserInfo>;
/** Paths that are not resources: discovery, version, health. Undefined when it serves no such path. */
export type NonResourceHandler = (request: ApiRequest) => ApiResponse | Promise<ApiResponse> | undefined;

export interface PipelineParts {
  readonly registry: Registry;
  readonly authenticate: Authenticate;
  readonly nonResource: NonResourceHandler;
  readonly log?: Logger | undefined;
  /** Told of every answered request, for metrics. */
  readonly observe?: ((info: RequestInfo, response: ApiResponse, milliseconds: number) => void) | undefined;
}

/** The chain that every request goes through, whatever its transport, from top to bottom. */
export function createPipeline(parts: PipelineParts): Handle {
  return async (request) => {
    const started = performance.now();
    const info = parseRequestInfo(request.method, request.path, request.query);
    const response = await answer(parts, request, info);
    parts.observe?.(info, response, performance.now() - started);
    return response;
  };
}

async function answer(parts: PipelineParts, request: ApiRequest, info: RequestInfo): Promise<ApiResponse> {
  try {
    const user = await parts.authenticate(request);
    authorize(parts.registry, user, info);
    return await serve(parts, { request, info, user });
  } catch (error) {
    return respondStatus(request, asApiError(parts, request, error).status);
  }
}

function asApiError({ log }: PipelineParts, request: ApiRequest, error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (request.signal.aborted) return new ApiError(499, "ClientClosed", "the client went away");
  log?.error({ err: error, method: request.method, path: request.path }, "request failed");
  return internalError(error instanceof Error ? error.message : String(error));
}

/** @throws ApiError 403 in upstream's words */
function authorize(registry: Registry, user: UserInfo, info: RequestInfo): void {
  const decision = registry.authorize(user, info);
  if (decision.allowed) return;
  throw refusal(user, info, decision.reason);
}

function refusal(user: UserInfo, info: RequestInfo, reason: string): ApiError {
  const because = reason ? `: ${reason}` : "";
  const who = `User ${JSON.stringify(user.username)} cannot ${info.verb}`;
  if (!info.isResource) {
    return new ApiError(
      403,
      "Forbidden",
      `forbidden: ${who} path ${JSON.stringify(info.path)}${because}`,
      {},
    );
  }
  const resource = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  const where = info.namespace
    ? `in the namespace ${JSON.stringify(info.namespace)}`
    : "at the cluster scope";
  const what = `resource ${JSON.stringify(resource)} in API group ${JSON.stringify(info.group)} ${where}`;
  return forbidden({ group: info.group, resource: info.resource }, info.name, `${who} ${what}${because}`);
}

interface Asked {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  readonly user: UserInfo;
}

async function serve(parts: PipelineParts, { request, info, user }: Asked): Promise<ApiResponse> {
  if (!info.isResource) {
    const response = parts.nonResource(request);
    if (!response) throw pathNotFound();
    return response;
  }
  const { registry } = parts;
  const served = registry.resources.find(info.group, info.version, info.resource);
  if (!served) throw pathNotFound();
  const warnings: string[] = [];
  const call: Call = {
    request,
    info,
    user,
    served,
    warn: (message) => warnings.push(message),
    pathHasName: namesObject(request, info),
  };
  const response = await route(call)(registry, call);
  return warnings.length > 0 ? withWarnings(response, warnings) : response;
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
