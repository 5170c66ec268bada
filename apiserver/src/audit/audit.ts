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
  /** The user that the request is made as, and what it asks for, once these are known. Tells that it was received. */
  identified(user: UserInfo, impersonated?: UserInfo): void;
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

/** Contents of these are never recorded, whatever the policy says: tokens and secrets must not reach a log. */
const secret = new Set(["secrets", "configmaps", "serviceaccounts/token", "tokenreviews"]);
const maxIdLength = 64;

export function createAudit({ policy, sink, now }: AuditOptions): Audit {
  return (request, info) => {
    const received = now();
    const id = givenId(request) ?? randomUUID();
    const annotations: Record<string, string> = {};
    let who: { user: UserInfo; impersonated?: UserInfo | undefined } | undefined;
    let decision: AuditDecision | undefined;

    const emit = (stage: AuditStage, outcome?: AuditOutcome): void => {
      if (!who || !decision || decision.level === "None" || decision.omitStages.has(stage)) return;
      const { user, impersonated } = who;
      const level = capped(decision.level, info);
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
          ...(impersonated ? { impersonatedUser: printUser(impersonated) } : {}),
          sourceIPs: [request.remoteAddress],
          userAgent: request.headers["user-agent"],
          ...(info.isResource ? { objectRef: objectRef(info) } : {}),
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
      identified(user, impersonated) {
        who = { user, impersonated };
        decision = auditDecision(policy, impersonated ?? user, info);
        emit("RequestReceived");
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

const printUser = ({ username, uid, groups, extra }: UserInfo) => ({ username, uid, groups, extra });

const objectRef = (info: RequestInfo) => ({
  resource: info.resource,
  ...(info.namespace ? { namespace: info.namespace } : {}),
  ...(info.name ? { name: info.name } : {}),
  ...(info.group ? { apiGroup: info.group } : {}),
  apiVersion: info.version,
  ...(info.subresource ? { subresource: info.subresource } : {}),
});

function statusOf({ code, status }: AuditOutcome) {
  if (!status) return { code };
  const { reason, message, details } = status;
  return { status: status.status, message, reason, details, code };
}

function capped(level: AuditLevel, info: RequestInfo): AuditLevel {
  const what = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  return secret.has(what) && level !== "None" ? "Metadata" : level;
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

function withoutManagedFields(object: unknown): unknown {
  if (typeof object !== "object" || object === null || !("metadata" in object)) return object;
  const { managedFields: _, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
}

const micro = (time: Date): string => `${time.toISOString().slice(0, 23)}000Z`;
