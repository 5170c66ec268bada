import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { forbiddenField, invalidValue, path, type FieldError } from "../../registry/field.ts";
import { validatePodSpec } from "../shared/pod/validate-spec.ts";

const spec = path("spec");
export const mirrorAnnotation = "kubernetes.io/config.mirror";
const costAnnotation = "controller.kubernetes.io/pod-deletion-cost";

export function validateNewPod(pod: Pod): FieldError[] {
  const errors = validatePod(pod);
  if (pod.spec?.ephemeralContainers?.length)
    errors.push(forbiddenField(spec.child("ephemeralContainers"), "cannot be set on create"));
  if (pod.spec?.nodeName && pod.spec.schedulingGates?.length)
    errors.push(
      forbiddenField(spec.child("nodeName"), "cannot be set until all schedulingGates have been cleared"),
    );
  return errors;
}

/** What holds for every pod, new or changed, but not for templates. */
export function validatePod(pod: Pod): FieldError[] {
  const errors = validateAnnotations(pod);
  errors.push(...validatePodSpec(pod.spec, spec, pod.metadata.name ?? ""));
  if (!pod.spec?.serviceAccountName)
    (pod.spec?.volumes ?? []).forEach((volume, v) =>
      (volume.projected?.sources ?? []).forEach((source, s) => {
        if (source.serviceAccountToken)
          errors.push(
            forbiddenField(
              spec
                .child("volumes")
                .index(v)
                .child("projected", "sources")
                .index(s)
                .child("serviceAccountToken"),
              "must not be specified when serviceAccountName is not set",
            ),
          );
      }),
    );
  return [...errors, ...validateImageSpaces(pod)];
}

function validateImageSpaces(pod: Pod): FieldError[] {
  const lists = ["containers", "initContainers", "ephemeralContainers"] as const;
  return lists.flatMap((list) =>
    (pod.spec?.[list] ?? []).flatMap(({ image = "" }, i) =>
      image.trim() === image
        ? []
        : [
            invalidValue(
              spec.child(list).index(i).child("image"),
              image,
              "must not have leading or trailing whitespace",
            ),
          ],
    ),
  );
}

function validateAnnotations(pod: Pod): FieldError[] {
  const errors: FieldError[] = [];
  const annotations = pod.metadata.annotations ?? {};
  const at = path("metadata", "annotations");
  const mirrorOf = annotations[mirrorAnnotation];
  if (mirrorOf !== undefined && !pod.spec?.nodeName)
    errors.push(
      invalidValue(
        at.key(mirrorAnnotation),
        mirrorOf,
        "must set spec.nodeName if mirror pod annotation is set",
      ),
    );
  const cost = annotations[costAnnotation];
  if (cost !== undefined && !is32BitInteger(cost))
    errors.push(invalidValue(at.key(costAnnotation), cost, "must be a 32bit integer"));
  return errors;
}

const is32BitInteger = (text: string): boolean =>
  /^(-?[1-9][0-9]*|0)$/.test(text) && Math.abs(Number(text)) <= 2 ** 31 - 1;
