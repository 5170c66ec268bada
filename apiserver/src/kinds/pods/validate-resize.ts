import type { Container, Pod, ResourceRequirements } from "@coracle/shared/api/generated/core-v1.ts";
import { forbiddenField, invalidValue, path, Path, type FieldError } from "../../registry/field.ts";
import { semanticEqual } from "../shared/equal.ts";
import { qosClass } from "../shared/pod/resources.ts";
import { mirrorAnnotation } from "./validate.ts";

const spec = path("spec");

/** The CPU and memory of app containers and sidecars may change while they run; nothing may be taken away. */
export function validateResize(pod: Pod, old: Pod): FieldError[] {
  const next = pod.spec ?? { containers: [] };
  const before = old.spec ?? { containers: [] };
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined)
    return [forbiddenField(new Path("[]"), "static pods cannot be resized")];
  const errors: FieldError[] = [];
  if (qosClass(next) !== (old.status?.qosClass ?? qosClass(before)))
    errors.push(
      invalidValue(spec, old.status?.qosClass ?? "", "Pod QOS Class may not change as a result of resizing"),
    );
  (before.initContainers ?? []).forEach((was, i) => {
    const is = next.initContainers?.[i];
    if (!is) return;
    if (was.restartPolicy === "Always")
      errors.push(
        ...validateContainer(is, was, spec.child("initContainers").index(i)),
        ...onlyComputeChanged(is, was, "only cpu and memory resources for sidecar containers are mutable"),
      );
    else if (!semanticEqual(is, was))
      errors.push(forbiddenField(spec, "resources for non-sidecar init containers are immutable"));
  });
  (before.containers ?? []).forEach((was, i) => {
    const is = next.containers?.[i];
    if (!is) return;
    errors.push(
      ...validateContainer(is, was, spec.child("containers").index(i)),
      ...onlyComputeChanged(is, was, "only cpu and memory resources are mutable"),
    );
  });
  return errors;
}

function validateContainer(is: Container, was: Container, at: Path): FieldError[] {
  const removed = (list: "requests" | "limits"): boolean =>
    Object.keys(was.resources?.[list] ?? {}).some((name) => is.resources?.[list]?.[name] === undefined);
  const errors: FieldError[] = [];
  const where = at.child("resources");
  if (removed("requests"))
    errors.push(forbiddenField(where.child("requests"), "resource requests cannot be removed"));
  if (removed("limits"))
    errors.push(forbiddenField(where.child("limits"), "resource limits cannot be removed"));
  return errors;
}

function onlyComputeChanged(is: Container, was: Container, message: string): FieldError[] {
  const rest = (container: Container): object => ({
    ...container,
    resizePolicy: undefined,
    resources: withoutCompute(container.resources),
  });
  return semanticEqual(rest(is), rest(was)) ? [] : [forbiddenField(spec, message)];
}

function withoutCompute(resources: ResourceRequirements | undefined): object {
  const strip = (list: Record<string, string> | undefined): object =>
    Object.fromEntries(Object.entries(list ?? {}).filter(([name]) => name !== "cpu" && name !== "memory"));
  return {
    limits: strip(resources?.limits),
    requests: strip(resources?.requests),
    claims: resources?.claims,
  };
}
