// Written by apiserver/src/schema/generate. Do not edit.
import type { ObjectReference } from "./core-v1.ts";
import type { ListMeta, ObjectMeta } from "./meta-v1.ts";

export type Endpoint = {
  addresses: string[];
  conditions?: EndpointConditions | undefined;
  hostname?: string | undefined;
  targetRef?: ObjectReference | undefined;
  deprecatedTopology?: Record<string, string> | undefined;
  nodeName?: string | undefined;
  zone?: string | undefined;
  hints?: EndpointHints | undefined;
};

export type EndpointConditions = {
  ready?: boolean | undefined;
  serving?: boolean | undefined;
  terminating?: boolean | undefined;
};

export type EndpointHints = {
  forZones?: ForZone[] | undefined;
  forNodes?: ForNode[] | undefined;
};

export type EndpointPort = {
  name?: string | undefined;
  protocol?: string | undefined;
  port?: number | undefined;
  appProtocol?: string | undefined;
};

export type EndpointSlice = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  addressType: string;
  endpoints?: Endpoint[] | undefined;
  ports?: EndpointPort[] | undefined;
};

export type EndpointSliceList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: EndpointSlice[];
};

export type ForNode = {
  name: string;
};

export type ForZone = {
  name: string;
};
