import type {
  Container,
  ContainerStatus,
  Pod,
  PodSpec,
  Toleration,
} from "@coracle/shared/api/generated/core-v1.ts";
import {
  forbiddenField,
  invalidValue,
  path,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import type { WriteContext } from "../../registry/kind.ts";
import { semanticEqual } from "../shared/equal.ts";
import { validatePodSpec } from "../shared/pod/validate-spec.ts";
import { mustNotBeNegative } from "../shared/names.ts";

const spec = path("spec");
const mirror = "kubernetes.io/config.mirror";

export function validatePod(pod: Pod): FieldError[] {
  const errors = validateAnnotations(pod);
  errors.push(...validatePodSpec(pod.spec, spec, pod.metadata.name ?? ""));
  if (pod.spec?.ephemeralContainers?.length)
    errors.push(forbiddenField(spec.child("ephemeralContainers"), "cannot be set on create"));
  if (pod.spec?.nodeName && pod.spec.schedulingGates?.length)
    errors.push(
      forbiddenField(spec.child("nodeName"), "cannot be set until all schedulingGates have been cleared"),
    );
  return errors;
}

function validateAnnotations(pod: Pod): FieldError[] {
  const errors: FieldError[] = [];
  const annotations = pod.metadata.annotations ?? {};
  const at = path("metadata", "annotations");
  const mirrorOf = annotations[mirror];
  if (mirrorOf !== undefined && !pod.spec?.nodeName)
    errors.push(
      invalidValue(at.key(mirror), mirrorOf, "must set spec.nodeName if mirror pod annotation is set"),
    );
  const cost = annotations["controller.kubernetes.io/pod-deletion-cost"];
  if (cost !== undefined && !is32BitInteger(cost))
    errors.push(
      invalidValue(at.key("controller.kubernetes.io/pod-deletion-cost"), cost, "must be a 32bit integer"),
    );
  return errors;
}

const is32BitInteger = (text: string): boolean =>
  /^(-?[1-9][0-9]*|0)$/.test(text) && Math.abs(Number(text)) <= 2 ** 31 - 1;

/** Once created, almost all of a pod's spec is fixed. */
export function validatePodUpdate(pod: Pod, old: Pod, ctx: WriteContext): FieldError[] {
  if (!pod.spec || !old.spec) return [];
  if (ctx.subresource === "ephemeralcontainers") return validateEphemeralUpdate(pod.spec, old.spec);
  const errors = validateMirrorUpdate(pod, old);
  if (pod.spec.containers?.length !== old.spec.containers?.length)
    return [
      ...errors,
      forbiddenField(spec.child("containers"), "pod updates may not add or remove containers"),
    ];
  if (pod.spec.initContainers?.length !== old.spec.initContainers?.length)
    return [
      ...errors,
      forbiddenField(spec.child("initContainers"), "pod updates may not add or remove containers"),
    ];
  errors.push(...validateImages(pod.spec), ...validateDeadline(pod.spec, old.spec));
  errors.push(...validateTolerationUpdate(pod.spec.tolerations ?? [], old.spec.tolerations ?? []));
  errors.push(...validateGateUpdate(pod.spec, old.spec));
  errors.push(...validateRest(pod.spec, old.spec, ctx.subresource === "resize"));
  return errors.length > 0 ? errors : validatePodSpec(pod.spec, spec, pod.metadata.name ?? "");
}

function validateMirrorUpdate(pod: Pod, old: Pod): FieldError[] {
  const before = old.metadata.annotations?.[mirror];
  const after = pod.metadata.annotations?.[mirror];
  const at = path("metadata", "annotations").key(mirror);
  if (before === after) return [];
  return [
    forbiddenField(
      at,
      before === undefined
        ? "may not add mirror pod annotation"
        : "may not remove or update mirror pod annotation",
    ),
  ];
}

function validateImages(next: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ["containers", "initContainers"] as const)
    (next[list] ?? []).forEach((container, i) => {
      const at = spec.child(list).index(i).child("image");
      if (!container.image) errors.push(required(at));
      else if (container.image.trim() !== container.image)
        errors.push(invalidValue(at, container.image, "must not have leading or trailing whitespace"));
    });
  return errors;
}

function validateDeadline(next: PodSpec, old: PodSpec): FieldError[] {
  const at = spec.child("activeDeadlineSeconds");
  const { activeDeadlineSeconds: before } = old;
  const { activeDeadlineSeconds: after } = next;
  if (after !== undefined && after < 0) return [invalidValue(at, after, mustNotBeNegative)];
  if (before === undefined) return [];
  if (after === undefined)
    return [invalidValue(at, null, "must not update from a positive integer to nil value")];
  return after > before ? [invalidValue(at, after, "must be less than or equal to previous value")] : [];
}

/** Tolerations may be added; of an existing one only the seconds may change. */
function validateTolerationUpdate(next: readonly Toleration[], old: readonly Toleration[]): FieldError[] {
  const plain = ({ key, operator, value, effect }: Toleration) => ({ key, operator, value, effect });
  const kept = old.every((before) => next.some((after) => semanticEqual(plain(after), plain(before))));
  return kept
    ? []
    : [
        forbiddenField(
          spec.child("tolerations"),
          "existing toleration can not be modified except its tolerationSeconds",
        ),
      ];
}

function validateGateUpdate(next: PodSpec, old: PodSpec): FieldError[] {
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

const changeable =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/** Compares what is left when everything that may change has been taken from the old spec. */
function validateRest(next: PodSpec, old: PodSpec, resize: boolean): FieldError[] {
  const munged = structuredClone(next);
  const adopt = (list: Container[] | undefined, from: readonly Container[] | undefined): void =>
    (list ?? []).forEach((container, i) => {
      const before = from?.[i];
      if (before?.image === undefined) delete container.image;
      else container.image = before.image;
      if (resize) restore(container, before, ["resources", "resizePolicy"]);
    });
  adopt(munged.containers, old.containers);
  adopt(munged.initContainers, old.initContainers);
  restore(munged, old, ["activeDeadlineSeconds", "tolerations", "schedulingGates"]);
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1)
    munged.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
  if (old.schedulingGates?.length) loosenForGated(munged, old);
  if (resize) restore(munged, old, ["resources"]);
  if (semanticEqual(munged, old)) return [];
  return [forbiddenField(spec, `${changeable}\n${difference(munged, old)}`)];
}

/** While gated, a pod's choice of nodes may be narrowed. */
function loosenForGated(munged: PodSpec, old: PodSpec): void {
  const narrowed = Object.entries(old.nodeSelector ?? {}).every(([k, v]) => munged.nodeSelector?.[k] === v);
  if (narrowed) restore(munged, old, ["nodeSelector"]);
  if (!old.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution)
    restore(munged, old, ["affinity"]);
}

function restore<T extends object>(target: T, from: T | undefined, fields: readonly (keyof T)[]): void {
  for (const field of fields) {
    const value = from?.[field];
    if (value === undefined) delete target[field];
    else target[field] = value;
  }
}

/** The fields that differ, one a line, old and new. */
function difference(next: PodSpec, old: PodSpec): string {
  const before = old as unknown as Record<string, unknown>;
  const after = next as unknown as Record<string, unknown>;
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((field) => !semanticEqual(before[field], after[field]))
    .map(
      (field) => `- ${field}: ${JSON.stringify(before[field])}\n+ ${field}: ${JSON.stringify(after[field])}`,
    )
    .join("\n");
}

function validateEphemeralUpdate(next: PodSpec, old: PodSpec): FieldError[] {
  const at = spec.child("ephemeralContainers");
  const errors = validatePodSpec(next, spec).filter((e) => e.field?.startsWith(at.text));
  for (const before of old.ephemeralContainers ?? []) {
    const after = next.ephemeralContainers?.find((c) => c.name === before.name);
    if (!after)
      errors.push(forbiddenField(at, `existing ephemeral containers "${before.name}" may not be removed\n`));
    else if (!semanticEqual(before, after))
      errors.push(forbiddenField(at, `existing ephemeral containers "${before.name}" may not be changed\n`));
  }
  return errors;
}

/** What a kubelet may write: never another node, never a container that came back from its end. */
export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors: FieldError[] = [];
  const status = path("status");
  if (pod.spec?.nodeName !== old.spec?.nodeName)
    errors.push(forbiddenField(status.child("nodeName"), "may not be changed directly"));
  const policy = old.spec?.restartPolicy ?? "Always";
  errors.push(
    ...validateStates(
      pod.status?.containerStatuses ?? [],
      old.status?.containerStatuses ?? [],
      status.child("containerStatuses"),
      policy,
      old.spec?.containers ?? [],
    ),
  );
  return errors;
}

function validateStates(
  next: readonly ContainerStatus[],
  old: readonly ContainerStatus[],
  at: Path,
  podPolicy: string,
  containers: readonly Container[],
): FieldError[] {
  if (podPolicy === "Always") return [];
  return old.flatMap((before) => {
    const i = next.findIndex((s) => s.name === before.name);
    const after = next[i];
    const ended = before.state?.terminated;
    const container = containers.find((c) => c.name === before.name);
    const policy = container?.restartPolicy ?? podPolicy;
    if (!ended || !after || after.state?.terminated || container?.restartPolicyRules?.length) return [];
    if (policy === "Always" || (policy === "OnFailure" && ended.exitCode !== 0)) return [];
    return [forbiddenField(at.index(i).child("state"), "may not be transitioned to non-terminated state")];
  });
}
