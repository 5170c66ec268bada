// Written by apiserver/src/schema/generate. Do not edit.
import type { ObjectMeta, Time } from "./meta-v1.ts";

export type BoundObjectReference = {
  kind?: string | undefined;
  apiVersion?: string | undefined;
  name?: string | undefined;
  uid?: string | undefined;
};

export type ExtraValue = string[];

export type SelfSubjectReview = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  status?: SelfSubjectReviewStatus | undefined;
};

export type SelfSubjectReviewStatus = {
  userInfo?: UserInfo | undefined;
};

export type TokenRequest = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec?: TokenRequestSpec | undefined;
  status?: TokenRequestStatus | undefined;
};

export type TokenRequestSpec = {
  audiences?: string[] | undefined;
  expirationSeconds?: number | undefined;
  boundObjectRef?: BoundObjectReference | undefined;
};

export type TokenRequestStatus = {
  token?: string | undefined;
  expirationTimestamp?: Time | undefined;
};

export type TokenReview = {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
  spec: TokenReviewSpec;
  status?: TokenReviewStatus | undefined;
};

export type TokenReviewSpec = {
  token: string;
  audiences?: string[] | undefined;
};

export type TokenReviewStatus = {
  authenticated?: boolean | undefined;
  user?: UserInfo | undefined;
  audiences?: string[] | undefined;
  error?: string | undefined;
};

export type UserInfo = {
  username?: string | undefined;
  uid?: string | undefined;
  groups?: string[] | undefined;
  extra?: Record<string, ExtraValue> | undefined;
};
