import type { ComponentStatus } from "@coracle/shared/api/generated/core-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { componentStatuses as kind } from "../../kinds/componentstatuses/kind.ts";
import type { Component } from "../registry.ts";
import type { VirtualKind } from "./virtual-kind.ts";

/** How the parts of the control plane are. */
export const componentStatuses: VirtualKind = {
  kind,
  objects: (registry, call) => {
    call.warn("v1 ComponentStatus is deprecated in v1.19+");
    return Promise.all((registry.components ?? []).map(describe));
  },
};

async function describe({ name, check }: Component): Promise<KubeObject> {
  const wrong = await check();
  const status: ComponentStatus = {
    kind: "ComponentStatus",
    apiVersion: "v1",
    metadata: { name },
    conditions: [
      wrong === undefined
        ? { type: "Healthy", status: "True", message: "ok" }
        : { type: "Healthy", status: "False", message: wrong },
    ],
  };
  return status;
}
