import type { Container, Pod, PodSpec, Toleration } from "@coracle/shared/api/generated/core-v1.ts";
import { forbiddenField, invalidValue, path, Path, type FieldError } from "../../registry/field.ts";
import type { WriteContext } from "../../registry/kind.ts";
import { differenceText } from "../shared/difference.ts";
import { semanticEqual } from "../shared/equal.ts";
import { between } from "../shared/names.ts";
import { validateGatedUpdate } from "./validate-gated.ts";
import { validateResize } from "./validate-resize.ts";
import { mirrorAnnotation, validatePod } from "./validate.ts";

const spec = path("spec");
const maxInt32 = 2 ** 31 - 1;

/** Once created, almost all of a pod's spec is fixed. */
export function validatePodUpdate(pod: Pod, old: Pod, ctx: WriteContext): FieldError[] {
  const next = pod.spec ?? { containers: [] };
  const before = old.spec ?? { containers: [] };
  const errors = validatePod(pod);
  if (ctx.subresource === "resize") return [...errors, ...validateResize(pod, old)];
  errors.push(...validateMirrorUpdate(pod, old));
  if (ctx.subresource === "ephemeralcontainers") return [...errors, ...validateEphemeral(next, before, old)];
  for (const list of ["containers", "initContainers"] as const)
    if ((next[list]?.length ?? 0) !== (before[list]?.length ?? 0))
      return [...errors, forbiddenField(spec.child(list), "pod updates may not add or remove containers")];
  errors.push(...validateDeadline(next, before));
  errors.push(...validateTolerations(next.tolerations ?? [], before.tolerations ?? []));
  errors.push(...validateGates(next, before));
  return [...errors, ...validateRest(next, before)];
}

function validateMirrorUpdate(pod: Pod, old: Pod): FieldError[] {
  const before = old.metadata.annotations?.[mirrorAnnotation];
  const after = pod.metadata.annotations?.[mirrorAnnotation];
  if (before === after) return [];
  const change =
    before === undefined
      ? "may not add mirror pod annotation"
      : "may not remove or update mirror pod annotation";
  return [forbiddenField(path("metadata", "annotations").key(mirrorAnnotation), change)];
}

function validateDeadline(next: PodSpec, old: PodSpec): FieldError[] {
  const at = spec.child("activeDeadlineSeconds");
  const { activeDeadlineSeconds: before } = old;
  const { activeDeadlineSeconds: after } = next;
  if (after === undefined)
    return before === undefined
      ? []
      : [invalidValue(at, null, "must not update from a positive integer to nil value")];
  if (after < 0 || after > maxInt32) return [invalidValue(at, after, between(0, maxInt32))];
  return before !== undefined && after > before
    ? [invalidValue(at, after, "must be less than or equal to previous value")]
    : [];
}

/** Tolerations may be added; of an existing one only the seconds may change. */
function validateTolerations(next: readonly Toleration[], old: readonly Toleration[]): FieldError[] {
  const plain = ({ key, operator, value, effect }: Toleration) => ({ key, operator, value, effect });
  const kept = old.every((before) => next.some((after) => semanticEqual(plain(after), plain(before))));
  if (kept) return [];
  return [
    forbiddenField(
      spec.child("tolerations"),
      "existing toleration can not be modified except its tolerationSeconds",
    ),
  ];
}

function validateGates(next: PodSpec, old: PodSpec): FieldError[] {
  const known = new Set((old.schedulingGates ?? []).map((g) => g.name));
  return (next.schedulingGates ?? []).flatMap((gate, i) =>
    known.has(gate.name)
      ? []
      : [
          forbiddenField(
            spec.child("schedulingGates").index(i).child("name"),
            `only deletion is allowed, but found new scheduling gate '${gate.name}'`,
          ),
        ],
  );
}

const changeable = [
  "`spec.containers[*].image`",
  "`spec.initContainers[*].image`",
  "`spec.activeDeadlineSeconds`",
  "`spec.tolerations` (only additions to existing tolerations)",
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
].join(",");

/** Compares what is left when everything that may change has been taken from the old spec. */
function validateRest(next: PodSpec, old: PodSpec): FieldError[] {
  const munged = structuredClone(next);
  takeImages(munged.containers, old.containers);
  takeImages(munged.initContainers, old.initContainers);
  take(munged, old, ["activeDeadlineSeconds", "tolerations", "schedulingGates"]);
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1)
    munged.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
  const errors = old.schedulingGates?.length ? validateGatedUpdate(munged, old) : [];
  if (semanticEqual(munged, old)) return errors;
  const message = `pod updates may not change fields other than ${changeable}\n${differenceText(munged, old)}`;
  return [...errors, forbiddenField(spec, message)];
}

function takeImages(containers: Container[] | undefined, from: readonly Container[] | undefined): void {
  (containers ?? []).forEach((container, i) => {
    const before = from?.[i];
    if (before) take(container, before, ["image"]);
  });
}

function take<T extends object>(target: T, from: T, fields: readonly (keyof T)[]): void {
  for (const field of fields) {
    const value = from[field];
    if (value === undefined) delete target[field];
    else target[field] = value;
  }
}

/** Ephemeral containers are added, never changed or removed. */
function validateEphemeral(next: PodSpec, before: PodSpec, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined)
    return [forbiddenField(new Path("[]"), "static pods do not support ephemeral containers")];
  const at = spec.child("ephemeralContainers");
  return (before.ephemeralContainers ?? []).flatMap((was) => {
    const is = next.ephemeralContainers?.find((c) => c.name === was.name);
    const what = `existing ephemeral containers ${JSON.stringify(was.name)}`;
    if (!is) return [forbiddenField(at, `${what} may not be removed\n`)];
    return semanticEqual(was, is)
      ? []
      : [forbiddenField(at, `${what} may not be changed\n${differenceText(is, was)}`)];
  });
}
