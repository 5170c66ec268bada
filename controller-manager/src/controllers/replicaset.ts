import type { ReplicaSet } from "@coracle/shared/api/generated/apps-v1.ts";
import { replicaSets } from "@coracle/shared/api/resources.ts";
import type { Controller } from "@coracle/shared/controller/controller.ts";
import { replicaController } from "./replicas.ts";

/** Keeps as many pods as a ReplicaSet asks for. */
export const replicaSetController = (): Controller =>
  replicaController<ReplicaSet>({
    name: "replicaset",
    resource: replicaSets,
    selector: (rs) => rs.spec?.selector,
    reportsTerminating: true,
  });
