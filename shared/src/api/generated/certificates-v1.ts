// Written by apiserver/src/schema/generate. Do not edit.
import type { ListMeta, ObjectMeta, Time } from "./meta-v1.ts";

export type CertificateSigningRequest = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec: CertificateSigningRequestSpec;
  status?: CertificateSigningRequestStatus | undefined;
};

export type CertificateSigningRequestCondition = {
  type: string;
  status: string;
  reason?: string | undefined;
  message?: string | undefined;
  lastUpdateTime?: Time | undefined;
  lastTransitionTime?: Time | undefined;
};

export type CertificateSigningRequestList = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: CertificateSigningRequest[];
};

export type CertificateSigningRequestSpec = {
  request: string;
  signerName: string;
  expirationSeconds?: number | undefined;
  usages?: string[] | undefined;
  username?: string | undefined;
  uid?: string | undefined;
  groups?: string[] | undefined;
  extra?: Record<string, ExtraValue> | undefined;
};

export type CertificateSigningRequestStatus = {
  conditions?: CertificateSigningRequestCondition[] | undefined;
  certificate?: string | undefined;
};

export type ExtraValue = string[];
