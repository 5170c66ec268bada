import type { DeviceClass } from "@coracle/shared/api/generated/resource-v1.ts";
import { invalidValue, path, type FieldError } from "../../registry/field.ts";
import { defineKind } from "../../registry/kind.ts";
import { ageColumn, nameColumn } from "../shared/columns.ts";
import { validateConfiguration, validateSelectors, validateSlice } from "../shared/dra/rules.ts";
import { semanticEqual } from "../shared/equal.ts";
import { qualifiedName } from "../shared/names.ts";

const root = path("spec");

/** What kind of device a request asks for, set up by an administrator. */
export const deviceClasses = defineKind<DeviceClass>({
  group: "resource.k8s.io",
  kind: "DeviceClass",
  plural: "deviceclasses",
  namespaced: false,
  returnDeleted: true,
  generation: true,
  validate: (deviceClass) => validate(deviceClass),
  validateUpdate: validate,
  columns: [nameColumn, ageColumn],
});

function validate({ spec }: DeviceClass, old?: DeviceClass): FieldError[] {
  const same = (part: "selectors" | "config"): boolean =>
    old !== undefined && semanticEqual(spec?.[part], old.spec?.[part]);
  const storedConfig = same("config");
  return [
    ...validateSelectors(spec?.selectors, root.child("selectors"), same("selectors")),
    ...validateSlice(
      spec?.config,
      32,
      (config, at) => validateConfiguration(config, at, storedConfig),
      root.child("config"),
    ),
    ...validateExtendedName(spec?.extendedResourceName),
  ];
}

/** A name with a domain that is not Kubernetes' own, such as `example.com/gpu`. */
function validateExtendedName(name: string | undefined): FieldError[] {
  if (name === undefined) return [];
  const domain = name.includes("/") ? name.slice(0, name.indexOf("/")) : "";
  const native = domain === "" || domain === "kubernetes.io" || domain.endsWith(".kubernetes.io");
  const fits = qualifiedName(`requests.${name}`).length === 0;
  return !native && !name.startsWith("requests.") && fits
    ? []
    : [invalidValue(root.child("extendedResourceName"), name, "must be a valid extended resource name")];
}
