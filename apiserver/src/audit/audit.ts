import { randomUUID } from "node:crypto";
import type { Status } from "@coracle/shared/errors.ts";
import type { ApiRequest, RequestInfo, UserInfo } from "../request.ts";
import {
  auditDecision,
  type AuditDecision,
  type AuditLevel,
  type AuditPolicy,
  type AuditStage,
} from "./policy.ts";

/** Where events go, one JSON text at a time. */
export type AuditSink = (line: string) => void;

export interface AuditOptions {
  readonly policy: AuditPolicy;
  readonly sink: AuditSink;
  readonly now: () => Date;
}

/** The record of one request, from its arrival to its answer. */
export interface AuditRecord {
  /** Goes into the response as `audit-id`. */
  readonly id: string;
  /** Whose request it is, once that is known: the policy decides by it. Tells that the request was received. */
  identified(user: UserInfo): void;
  /** That it is made as somebody else. */
  impersonated(user: UserInfo): void;
  /** That nobody knows whose request it is. */
  unauthenticated(): void;
  annotate(key: string, value: string): void;
  /** A response that goes on (a watch) has begun. */
  started(code: number): void;
  /** The answer is out; bodies are recorded only as the level allows. */
  completed(outcome: AuditOutcome): void;
}
export interface AuditOutcome {
  readonly code: number;
  readonly status?: Status | undefined;
  readonly requestObject?: unknown;
  readonly responseObject?: unknown;
}

export type Audit = (request: ApiRequest, info: RequestInfo) => AuditRecord;

/**
 * Contents of these are recorded only by a rule that names resources: one for everything, which upstream takes at its word, does
 * not bring passwords and tokens into a log.
 */
const secret = new Set(["secrets", "configmaps", "serviceaccounts/token", "tokenreviews"]);
const maxIdLength = 64;

export function createAudit({ policy, sink, now }: AuditOptions): Audit {
  return (request, info) => {
    const received = now();
    const id = givenId(request) ?? randomUUID();
    const annotations: Record<string, string> = {};
    let user: UserInfo | undefined;
    let as: UserInfo | undefined;
    let decision: AuditDecision | undefined;

    const emit = (stage: AuditStage, outcome?: AuditOutcome): void => {
      if (!user || !decision || decision.level === "None" || decision.omitStages.has(stage)) return;
      const level = capped(decision, info);
      sink(
        JSON.stringify({
          kind: "Event",
          apiVersion: "audit.k8s.io/v1",
          level,
          auditID: id,
          stage,
          requestURI: uriOf(request),
          verb: info.verb,
          user: printUser(user),
          ...(as ? { impersonatedUser: printUser(as) } : {}),
          sourceIPs: [request.remoteAddress],
          userAgent: request.headers["user-agent"],
          ...(info.isResource ? { objectRef: objectRef(info, outcome) } : {}),
          ...(outcome ? { responseStatus: { metadata: {}, ...statusOf(outcome) } } : {}),
          ...bodies(level, decision, outcome),
          requestReceivedTimestamp: micro(received),
          stageTimestamp: micro(now()),
          annotations,
        }),
      );
    };
    return {
      id,
      identified(own) {
        user = own;
        decision = auditDecision(policy, own, info);
        emit("RequestReceived");
      },
      impersonated(other) {
        as = other;
      },
      unauthenticated() {
        user = nobody;
        decision = auditDecision(policy, nobody, info);
      },
      annotate(key, value) {
        annotations[key] ??= value;
      },
      started: (code) => emit("ResponseStarted", { code }),
      completed: (outcome) => emit("ResponseComplete", outcome),
    };
  };
}

const givenId = ({ headers }: ApiRequest): string | undefined => {
  const given = headers["audit-id"];
  return given && given.length <= maxIdLength ? given : undefined;
};

/** Query parameters of a request can hold commands of exec, which the path's record includes upstream too. */
const uriOf = ({ path, query }: ApiRequest): string =>
  query.size > 0 ? `${path}?${query.toString()}` : path;

const nobody: UserInfo = { username: "", groups: [] };
const printUser = ({ username, uid, groups, extra }: UserInfo) => ({ username, uid, groups, extra });

const objectRef = (info: RequestInfo, outcome: AuditOutcome | undefined) => ({
  resource: info.resource,
  ...(info.namespace ? { namespace: info.namespace } : {}),
  ...nameOf(info, outcome),
  ...(info.group ? { apiGroup: info.group } : {}),
  apiVersion: info.version,
  ...(info.subresource ? { subresource: info.subresource } : {}),
});

/** That of an object being created is not in the path. */
function nameOf(info: RequestInfo, outcome: AuditOutcome | undefined): { name?: string } {
  if (info.name || info.verb !== "create") return info.name ? { name: info.name } : {};
  const object = outcome?.requestObject as { metadata?: { name?: unknown } | null } | null | undefined;
  const name = object?.metadata?.name;
  return typeof name === "string" && name ? { name } : {};
}

function statusOf({ code, status }: AuditOutcome) {
  if (!status) return { code };
  const { reason, message, details } = status;
  return { status: status.status, message, reason, details, code };
}

function capped({ level, namesResources }: AuditDecision, info: RequestInfo): AuditLevel {
  const what = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  return secret.has(what) && !namesResources ? "Metadata" : level;
}

function bodies(level: AuditLevel, { omitManagedFields }: AuditDecision, outcome: AuditOutcome | undefined) {
  if (!outcome || level === "None" || level === "Metadata") return {};
  const clean = (object: unknown): unknown => (omitManagedFields ? withoutManagedFields(object) : object);
  return {
    ...(outcome.requestObject === undefined ? {} : { requestObject: clean(outcome.requestObject) }),
    ...(level === "RequestResponse" && outcome.responseObject !== undefined
      ? { responseObject: clean(outcome.responseObject) }
      : {}),
  };
}

/** An object, a list of objects, or a table whose rows have objects, without who manages which fields. */
function withoutManagedFields(object: unknown): unknown {
  if (typeof object !== "object" || object === null) return object;
  const { items, rows } = object as { items?: unknown; rows?: unknown };
  if (Array.isArray(items)) return { ...object, items: items.map(withoutManagedFields) };
  if (Array.isArray(rows)) {
    const stripped = (rows as { object?: unknown }[]).map((row) => ({
      ...row,
      object: withoutManagedFields(row.object),
    }));
    return { ...object, rows: stripped };
  }
  if (!("metadata" in object)) return object;
  const { managedFields: _, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
}

const micro = (time: Date): string => `${time.toISOString().slice(0, 23)}000Z`;
