import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { FieldError } from "../registry/field.ts";
import type { Kind, WriteContext } from "../registry/kind.ts";
import {
  prepareForCreate,
  prepareForUpdate,
  setDefaults,
  validate,
  validateStatusUpdate,
  validateUpdate,
  warn,
} from "../registry/strategy.ts";
import { contextFor, now } from "./arbitrary.test-support.ts";

type Body = Record<string, unknown> & { metadata?: Record<string, unknown> };

/** An object of a kind, as a client would write it, with the metadata that the registry adds. */
export function objectOf(kind: Kind, body: Body): KubeObject {
  const { metadata, ...rest } = structuredClone(body);
  return {
    ...rest,
    metadata: {
      name: "web",
      ...(kind.namespaced ? { namespace: "default" } : {}),
      uid: "0b5dfb3a-0000-4000-8000-000000000000",
      creationTimestamp: "2026-11-23T11:00:00Z",
      ...metadata,
    },
  };
}

const text = (errors: readonly FieldError[]): string[] => errors.map((e) => `${e.field}: ${e.message}`);

/** What a create makes of a body, short of storing it. */
export function created(kind: Kind, body: Body, ctx: Partial<WriteContext> = {}): KubeObject {
  const object = objectOf(kind, body);
  setDefaults(kind, object);
  prepareForCreate(kind, object, contextFor(ctx));
  return object;
}

/** `field: message` of everything that is wrong with a new object. */
export const refusals = (kind: Kind, body: Body, ctx: Partial<WriteContext> = {}): string[] =>
  text(validate(kind, created(kind, body, ctx), contextFor(ctx)));

/** The same for a change of an object that was created from `before`. */
export function updateRefusals(
  kind: Kind,
  before: Body,
  change: (object: never) => void,
  ctx: Partial<WriteContext> = {},
): string[] {
  const old = created(kind, before);
  const next = structuredClone(old);
  (change as (object: KubeObject) => void)(next);
  setDefaults(kind, next);
  const context = contextFor(ctx);
  if (ctx.subresource === "status") return text(validateStatusUpdate(kind, next, old, context));
  prepareForUpdate(kind, next, old, context);
  return text(validateUpdate(kind, next, old, context));
}

/** What a client is warned of when it creates an object, or changes it when `change` is given. */
export function warnings(kind: Kind, body: Body, change?: (object: KubeObject) => void): string[] {
  const texts: string[] = [];
  const ctx = contextFor({ warn: (text) => texts.push(text) });
  const made = created(kind, body, ctx);
  if (!change) warn(kind, made, undefined, ctx);
  else {
    made.metadata.generation = 1;
    const next = structuredClone(made);
    change(next);
    warn(kind, next, made, ctx);
  }
  return texts;
}

/** A line of `kubectl get`: column names in capitals, with their cells; wide ones too. */
export function row(kind: Kind, body: Body): Record<string, unknown> {
  const object = objectOf(kind, body);
  return Object.fromEntries(
    kind.columns.map((column) => [
      column.name.toUpperCase(),
      (column.value as (o: KubeObject, now: Date) => unknown)(object, now),
    ]),
  );
}

export const columnNames = (kind: Kind): string =>
  kind.columns.map((c) => (c.priority === 1 ? `(${c.name})` : c.name).toUpperCase()).join(" ");
