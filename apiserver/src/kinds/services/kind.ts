import type { Service } from "@coracle/shared/api/generated/core-v1.ts";
import { defineKind } from "../../registry/kind.ts";
import { allocateService, releaseService } from "./allocate.ts";
import { serviceColumns } from "./columns.ts";
import { setServiceDefaults } from "./defaults.ts";
import { prepareServiceForCreate, prepareServiceForUpdate } from "./prepare.ts";
import { serviceWarnings } from "./warnings.ts";
import { validateService, validateServiceStatus, validateServiceUpdate } from "./validate.ts";

export const services = defineKind<Service>({
  kind: "Service",
  shortNames: ["svc"],
  categories: ["all"],
  namespaced: true,
  nameRule: "dnsLabel1035",
  status: true,
  createOnUpdate: true,
  returnDeleted: true,
  setDefaults: setServiceDefaults,
  prepareForCreate: prepareServiceForCreate,
  prepareForUpdate: prepareServiceForUpdate,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  warnings: serviceWarnings,
  validateStatusUpdate: validateServiceStatus,
  allocate: allocateService,
  release: releaseService,
  selectableFields: {
    "spec.clusterIP": (service) => service.spec?.clusterIP ?? "",
    "spec.type": (service) => service.spec?.type ?? "",
  },
  columns: serviceColumns,
  subresources: ["proxy"],
});
