import { configMaps, type Resource } from "@coracle/shared/api/resources.ts";
import type { Keep } from "@coracle/shared/informer/cache.ts";

const withoutData: Keep = (object) => {
  const { data: _data, binaryData: _binaryData, ...rest } = object;
  return rest;
};

/** What the controllers need of objects that may be large: of a ConfigMap, that it exists. */
export const keep = (resource: Resource<unknown>): Keep | undefined =>
  resource.group === configMaps.group && resource.plural === configMaps.plural ? withoutData : undefined;
