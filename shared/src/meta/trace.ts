import { randomBytes } from "node:crypto";
import type { ObjectMeta } from "../api/generated/meta-v1.ts";

/** W3C trace context, carried on every write so that a pod can say which request it exists because of. */
export const TRACE_ANNOTATION = "coracle.io/traceparent";

export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: string;
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Undefined for anything that is not a valid traceparent. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const match = text ? FORM.exec(text) : null;
  if (!match) return undefined;
  const [, version = "", traceId = "", spanId = "", flags = "", rest] = match;
  if (version === "ff" || (version === "00" && rest) || /^0+$/.test(traceId) || /^0+$/.test(spanId))
    return undefined;
  return { traceId, spanId, flags };
}

export const formatTraceparent = (context: TraceContext): string =>
  `00-${context.traceId}-${context.spanId}-${context.flags}`;

const newSpanId = (random: typeof randomBytes): string => random(8).toString("hex");

/** The next span of the same trace; a new trace when there is no valid parent. */
export const childTraceparent = (parent: string | undefined, random = randomBytes): string => {
  const context = parseTraceparent(parent);
  return formatTraceparent({
    traceId: context?.traceId ?? random(16).toString("hex"),
    spanId: newSpanId(random),
    flags: context?.flags ?? "01",
  });
};

export const traceparentOf = (object: { readonly metadata: ObjectMeta } | undefined): string | undefined =>
  object?.metadata.annotations?.[TRACE_ANNOTATION];
