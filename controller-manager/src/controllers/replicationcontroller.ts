import type { ReplicationController } from "@coracle/shared/api/generated/core-v1.ts";
import { replicationControllers } from "@coracle/shared/api/resources.ts";
import type { Controller } from "@coracle/shared/controller/controller.ts";
import { replicaController } from "./replicas.ts";

/** Keeps as many pods as a ReplicationController asks for. */
export const replicationController = (): Controller =>
  replicaController<ReplicationController>({
    name: "replicationcontroller",
    resource: replicationControllers,
    selector: (rc) => ({ matchLabels: rc.spec?.selector }),
    reportsTerminating: false,
  });
