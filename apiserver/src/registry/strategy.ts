import { invalid } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { FieldError } from "./field.ts";
import type { Allocation, Kind, WriteContext } from "./kind.ts";
import { finalizerWarnings } from "./meta.ts";

/** Calls of a kind's own functions. They are typed for their kind; the registry only hands them objects of it. */
type OnObject<R> = (object: KubeObject, ctx: WriteContext) => R;
type OnUpdate<R> = (object: KubeObject, old: KubeObject, ctx: WriteContext) => R;

export const setDefaults = (kind: Kind, object: KubeObject): void =>
  (kind.setDefaults as ((object: KubeObject) => void) | undefined)?.(object);

export const prepareForCreate = (kind: Kind, object: KubeObject, ctx: WriteContext): void =>
  (kind.prepareForCreate as OnObject<void> | undefined)?.(object, ctx);

/** For a write of the object or of its status, as the context says. */
export function prepareForUpdate(kind: Kind, object: KubeObject, old: KubeObject, ctx: WriteContext): void {
  const prepare = ctx.subresource === "status" ? kind.prepareForStatusUpdate : kind.prepareForUpdate;
  (prepare as OnUpdate<void> | undefined)?.(object, old, ctx);
}

export const validate = (kind: Kind, object: KubeObject, ctx: WriteContext): FieldError[] =>
  (kind.validate as OnObject<FieldError[]> | undefined)?.(object, ctx) ?? [];

export const validateUpdate = (
  kind: Kind,
  object: KubeObject,
  old: KubeObject,
  ctx: WriteContext,
): FieldError[] => (kind.validateUpdate as OnUpdate<FieldError[]> | undefined)?.(object, old, ctx) ?? [];

export const validateStatusUpdate = (
  kind: Kind,
  object: KubeObject,
  old: KubeObject,
  ctx: WriteContext,
): FieldError[] =>
  (kind.validateStatusUpdate as OnUpdate<FieldError[]> | undefined)?.(object, old, ctx) ?? [];

/** Tells the client what is advised against in an object that has been found valid. */
export function warn(kind: Kind, object: KubeObject, old: KubeObject | undefined, ctx: WriteContext): void {
  if (ctx.subresource === "status") return;
  const advice = kind.warnings as ((object: KubeObject, old: KubeObject | undefined) => string[]) | undefined;
  for (const text of advice?.(object, old) ?? []) ctx.warn(text);
  for (const text of finalizerWarnings(kind, object.metadata, old?.metadata)) ctx.warn(text);
}

/** Reserves what the object needs; nothing when the kind reserves nothing. */
export const allocate = async (
  kind: Kind,
  object: KubeObject,
  old: KubeObject | undefined,
  ctx: WriteContext,
): Promise<Allocation | undefined> =>
  (
    kind.allocate as
      | ((object: KubeObject, old: KubeObject | undefined, ctx: WriteContext) => Promise<Allocation>)
      | undefined
  )?.(object, old, ctx);

export const release = async (kind: Kind, object: KubeObject, ctx: WriteContext): Promise<void> =>
  (kind.release as OnObject<Promise<void>> | undefined)?.(object, ctx);

/** @throws ApiError 422 when there are errors */
export function refuseInvalid(kind: Kind, name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(kind.group, kind.kind, name, errors);
}
