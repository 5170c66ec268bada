import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
} from "@coracle/shared/api/generated/core-v1.ts";
import { podLimits, podRequests } from "@coracle/shared/meta/pods.ts";
import { formatResourceAmount, resourceAmount } from "@coracle/shared/meta/quantity.ts";
import {
  allCached,
  isFor,
  objectOf,
  refuse,
  type AdmissionContext,
  type AdmissionPlugin,
  type Attributes,
} from "./plugin.ts";

type Amounts = Readonly<Record<string, number>>;
type List = Record<string, string>;

/** A namespace's LimitRanges give containers what they do not ask for, and bound what they may ask for. */
export const limitRanger: AdmissionPlugin = {
  name: "LimitRanger",
  handles: (a) =>
    (a.operation === "CREATE" && (isFor(a, "pods") || isFor(a, "persistentvolumeclaims"))) ||
    (a.operation === "UPDATE" && (isFor(a, "persistentvolumeclaims") || isFor(a, "pods", "resize"))),
  mutate(a, ctx) {
    if (a.kind.storage !== "pods" || a.operation !== "CREATE") return;
    for (const range of rangesOf(a, ctx)) setDefaults(objectOf<Pod>(a), range);
  },
  validate(a, ctx) {
    const errors: string[] = [];
    for (const { spec } of rangesOf(a, ctx)) {
      for (const item of spec?.limits ?? []) errors.push(...violations(a, item));
    }
    if (errors.length > 0)
      throw refuse(a, errors.length === 1 ? (errors[0] ?? "") : `[${errors.join(", ")}]`);
  },
};

const rangesOf = (a: Attributes, ctx: AdmissionContext): LimitRange[] =>
  [...allCached<LimitRange>(ctx, "limitranges")].filter((r) => r.metadata.namespace === a.namespace);

function setDefaults(pod: Pod, range: LimitRange): void {
  const item = (range.spec?.limits ?? []).find((l) => l.type === "Container");
  if (!item) return;
  const notes: string[] = [];
  const fill = (container: Container, kind: string): void => {
    const resources = (container.resources ??= {});
    const limits = missing(resources.limits, item.default);
    const requests = missing(resources.requests, item.defaultRequest);
    const names = (list: List): string =>
      Object.keys(list)
        .toSorted((a, b) => (a < b ? -1 : 1))
        .join(", ");
    if (Object.keys(requests).length > 0) {
      resources.requests = { ...resources.requests, ...requests };
      notes.push(`${names(requests)} request for ${kind} ${container.name}`);
    }
    if (Object.keys(limits).length > 0) {
      resources.limits = { ...resources.limits, ...limits };
      notes.push(`${names(limits)} limit for ${kind} ${container.name}`);
    }
  };
  for (const container of pod.spec?.containers ?? []) fill(container, "container");
  for (const container of pod.spec?.initContainers ?? []) fill(container, "init container");
  if (notes.length > 0) {
    (pod.metadata.annotations ??= {})["kubernetes.io/limit-ranger"] =
      `LimitRanger plugin set: ${notes.join("; ")}`;
  }
}

const missing = (have: List | undefined, defaults: List | undefined): List =>
  Object.fromEntries(Object.entries(defaults ?? {}).filter(([name]) => have?.[name] === undefined));

function* violations(a: Attributes, item: LimitRangeItem): Generator<string> {
  if (a.kind.storage === "persistentvolumeclaims") {
    if (item.type !== "PersistentVolumeClaim") return;
    const { requests, limits } = objectOf<PersistentVolumeClaim>(a).spec?.resources ?? {};
    yield* check(item, amounts(requests), amounts(limits), false);
    return;
  }
  const pod = objectOf<Pod>(a);
  if (item.type === "Container") {
    for (const container of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
      yield* check(item, amounts(container.resources?.requests), amounts(container.resources?.limits), true);
    }
  }
  if (item.type === "Pod") yield* check(item, podRequests(pod), podLimits(pod), true);
}

const amounts = (list: List | undefined): Amounts =>
  Object.fromEntries(Object.entries(list ?? {}).map(([name, value]) => [name, resourceAmount(name, value)]));

/** The bounds of one item on one holder of requests and limits. */
function* check(
  item: LimitRangeItem,
  requests: Amounts,
  limits: Amounts,
  hasLimits: boolean,
): Generator<string> {
  const per = item.type;
  for (const [name, text] of Object.entries(item.min ?? {})) {
    const bound = resourceAmount(name, text);
    const [request, limit] = [requests[name], limits[name]];
    const head = `minimum ${name} usage per ${per} is ${text}`;
    if (request === undefined) yield `${head}.  No request is specified`;
    else if (request < bound) yield `${head}, but request is ${formatResourceAmount(name, request)}`;
    if (limit !== undefined && limit < bound)
      yield `${head}, but limit is ${formatResourceAmount(name, limit)}`;
  }
  for (const [name, text] of Object.entries(item.max ?? {})) {
    const bound = resourceAmount(name, text);
    const [request, limit] = [requests[name], limits[name]];
    const head = `maximum ${name} usage per ${per} is ${text}`;
    if (hasLimits && limit === undefined) yield `${head}.  No limit is specified`;
    if (limit !== undefined && limit > bound)
      yield `${head}, but limit is ${formatResourceAmount(name, limit)}`;
    if (request !== undefined && request > bound)
      yield `${head}, but request is ${formatResourceAmount(name, request)}`;
  }
  for (const [name, text] of Object.entries(item.maxLimitRequestRatio ?? {})) {
    yield* checkRatio(per, name, text, requests[name], limits[name]);
  }
}

function* checkRatio(
  per: string,
  name: string,
  text: string,
  request: number | undefined,
  limit: number | undefined,
): Generator<string> {
  const head = `${name} max limit to request ratio per ${per} is ${text}`;
  if (!request) yield `${head}, but no request is specified or request is 0`;
  else if (limit === undefined) yield `${head}, but no limit is specified`;
  else if (limit / request > Number(text))
    yield `${head}, but provided ratio is ${(limit / request).toFixed(6)}`;
}
