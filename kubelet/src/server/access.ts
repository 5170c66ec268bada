/** Who asks the kubelet's own port, and whether they may: the API server decides both (TokenReview, SubjectAccessReview). */
import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { UserInfo } from "@coracle/shared/api/generated/authentication-v1.ts";
import { subjectAccessReviews, tokenReviews } from "@coracle/shared/api/resources.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import { createAnswers } from "./answers.ts";
import type { Asked } from "./attributes.ts";

/** How long an answer of the API server is good for, in milliseconds: the defaults of a KubeletConfiguration. */
const AUTHENTICATED_MS = 120_000;
const ALLOWED_MS = 300_000;
const DENIED_MS = 30_000;

export interface Access {
  /** By a client certificate of the cluster's authority, or a bearer token; undefined for anybody else. @throws ApiError */
  authenticate(socket: TLSSocket, authorization: string | undefined): Promise<UserInfo | undefined>;
  /** @throws ApiError */
  authorize(user: UserInfo, asked: Asked): Promise<boolean>;
}

const bearer = /^bearer +(\S+) *$/i;

/** @param node whose figures are asked for */
export function createAccess(client: Client, node: string, now: () => number): Access {
  const users = createAnswers<UserInfo | undefined>(now);
  const decisions = createAnswers<boolean>(now);

  const review = async (token: string): Promise<UserInfo | undefined> => {
    const { status } = await client.create(tokenReviews, { metadata: {}, spec: { token } });
    return status?.authenticated ? status.user : undefined;
  };
  const mayOne = async (user: UserInfo, verb: string, subresource: string): Promise<boolean> => {
    const { username, uid, groups, extra } = user;
    const resourceAttributes = { verb, version: "v1", resource: "nodes", subresource, name: node };
    const spec = { user: username, uid, groups, extra, resourceAttributes };
    const { status } = await client.create(subjectAccessReviews, { metadata: {}, spec });
    return status?.allowed ?? false;
  };
  return {
    async authenticate(socket, authorization) {
      const certified = userOfCertificate(socket);
      if (certified) return certified;
      const token = bearer.exec(authorization ?? "")?.[1];
      if (!token) return undefined;
      // The token itself is not kept.
      const digest = createHash("sha256").update(token).digest("base64");
      return users.get(
        digest,
        () => review(token),
        (user) => (user ? AUTHENTICATED_MS : 0),
      );
    },
    async authorize(user, { verb, subresources }) {
      for (const subresource of subresources) {
        const allowed = await decisions.get(
          JSON.stringify([user, verb, subresource]),
          () => mayOne(user, verb, subresource),
          (yes) => (yes ? ALLOWED_MS : DENIED_MS),
        );
        if (allowed) return true;
      }
      return false;
    },
  };
}

function userOfCertificate(socket: TLSSocket): UserInfo | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate() as { subject?: { CN?: string; O?: string | string[] } };
  if (!subject?.CN) return undefined;
  return { username: subject.CN, groups: [...[subject.O ?? []].flat(), "system:authenticated"] };
}
