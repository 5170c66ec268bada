import type { TokenReview } from "@coracle/shared/api/generated/authentication-v1.ts";
import { invalid, serviceUnavailable } from "@coracle/shared/errors.ts";
import { withAuthenticatedGroup } from "../../authn/groups.ts";
import type { UserInfo } from "../../request.ts";
import { path, required } from "../field.ts";
import { defineReview, type Answer } from "./review.ts";

const group = "authentication.k8s.io";

const shown = ({ username, uid, groups, extra }: UserInfo): object => ({
  username,
  ...(uid ? { uid } : {}),
  groups,
  ...(extra ? { extra } : {}),
});

const answerToken: Answer = async (registry, _call, review) => {
  const { spec } = review as unknown as TokenReview;
  const token = spec?.token ?? "";
  if (!token)
    throw invalid(group, "TokenReview", "", [
      required(path("spec", "token"), "token is required for TokenReview in authentication"),
    ]);
  if (!registry.identity) throw serviceUnavailable("this server knows no tokens");
  const asked = spec?.audiences?.length ? spec.audiences : undefined;
  const verified = await registry.identity.reviewToken(token, asked);
  review["status"] = verified
    ? {
        authenticated: true,
        user: shown(withAuthenticatedGroup(verified.user)),
        ...(verified.audiences.length > 0 ? { audiences: verified.audiences } : {}),
      }
    : { user: {}, error: "[invalid bearer token]" };
};

const answerSelf: Answer = (registry, { user }, review) => {
  review.metadata.creationTimestamp = `${registry.now().toISOString().slice(0, 19)}Z`;
  review["status"] = { userInfo: shown(user) };
};

export const identityReviews = [
  defineReview({ group, kind: "TokenReview", answer: answerToken }),
  defineReview({ group, kind: "SelfSubjectReview", answer: answerSelf }),
];
