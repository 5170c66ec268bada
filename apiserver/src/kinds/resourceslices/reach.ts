import type { NodeSelector } from "@coracle/shared/api/generated/core-v1.ts";
import { invalidValue, type FieldError, type Path } from "../../registry/field.ts";
import { check, dnsSubdomain } from "../shared/names.ts";
import { validateNodeSelector } from "../shared/pod/validate-scheduling.ts";

/** From which nodes a slice's devices, or one of them, can be used. */
export interface Reach {
  readonly nodeName?: string | undefined;
  readonly nodeSelector?: NodeSelector | undefined;
  readonly allNodes?: boolean | undefined;
}

/** The ways in which the nodes are named, and what is wrong with each. */
export function validateReachFields(
  reach: Reach,
  at: Path,
  ofDevice: boolean,
): { set: string[]; errors: FieldError[] } {
  const set: string[] = [];
  const errors: FieldError[] = [];
  const { nodeName, nodeSelector, allNodes } = reach;
  if (nodeName === "")
    errors.push(
      invalidValue(
        at.child("nodeName"),
        nodeName,
        ofDevice ? "must not be empty" : "must be either unset or set to a non-empty string",
      ),
    );
  else if (nodeName !== undefined) {
    set.push("`nodeName`");
    errors.push(...check(dnsSubdomain, nodeName, at.child("nodeName")));
  }
  if (nodeSelector) {
    const where = at.child("nodeSelector");
    set.push("`nodeSelector`");
    errors.push(...validateNodeSelector(nodeSelector, where));
    const terms = nodeSelector.nodeSelectorTerms ?? [];
    if (!ofDevice && terms.length !== 1)
      errors.push(
        invalidValue(where.child("nodeSelectorTerms"), terms, "must have exactly one node selector term"),
      );
  }
  errors.push(...validateFlag(allNodes, "allNodes", at, set));
  return { set, errors };
}

export function validateFlag(
  value: boolean | undefined,
  name: string,
  at: Path,
  set: string[],
): FieldError[] {
  if (value === undefined) return [];
  if (!value) return [invalidValue(at.child(name), value, "must be either unset or set to true")];
  set.push(`\`${name}\``);
  return [];
}
