import { endpointSlices, namespaces, services } from "@coracle/shared/api/resources.ts";
import type { InformerFactory } from "@coracle/shared/informer/informer.ts";
import type { Directory } from "./records.ts";

const serviceNameLabel = "kubernetes.io/service-name";

/** The records' source from informer caches. `onChange` counts up the zone's serial. */
export function createDirectory(informers: InformerFactory, onChange: () => void): Directory {
  const serviceCache = informers.for(services);
  const sliceCache = informers.for(endpointSlices);
  const namespaceCache = informers.for(namespaces);
  serviceCache.addIndex("address", (s) => (s.spec?.clusterIPs ?? []).filter((a) => a !== "None"));
  sliceCache.addIndex("service", (s) => {
    const owner = s.metadata.labels?.[serviceNameLabel];
    return owner ? [`${s.metadata.namespace}/${owner}`] : [];
  });
  sliceCache.addIndex("address", (s) => (s.endpoints ?? []).flatMap((e) => e.addresses));
  const handler = { add: onChange, update: onChange, delete: onChange };
  serviceCache.on(handler);
  sliceCache.on(handler);

  return {
    service: (namespace, name) => serviceCache.get(`${namespace}/${name}`),
    serviceByAddress: (address) => serviceCache.byIndex("address", address)[0],
    slices: (namespace, service) => sliceCache.byIndex("service", `${namespace}/${service}`),
    slicesByAddress: (address) => sliceCache.byIndex("address", address),
    namespaceExists: (name) => namespaceCache.get(name) !== undefined,
  };
}
